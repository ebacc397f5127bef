"""Where work runs: on threads of this machine, or on a Dask cluster."""
