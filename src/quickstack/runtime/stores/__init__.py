"""Folders and object stores: the one seam to list, read, write and delete objects."""
