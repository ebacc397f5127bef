"""A Power BI project (PBIP) over the exported tables: a TMDL model and a PBIR report, as text."""
