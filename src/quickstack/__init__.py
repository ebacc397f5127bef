"""The library behind the stages: see the README for what each folder holds."""
