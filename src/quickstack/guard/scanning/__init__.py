"""The leak gate: looks for personal values in everything that leaves this machine."""
