"""Opens what files hold: compressed, packed and columnar, one inside the other."""
