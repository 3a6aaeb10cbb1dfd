"""Braid next to its rivals: the encoder alone, whole jobs from table to table, and reading and writing.

Start at `__main__`: a module per part, `encoder`, `jobs` and `ends`. `catalogue` and `tables` say what is fused, `forms` holds
the rivals, `worker` and `pyspark_job` run them, `processes` starts everything, and `report` makes tables of raw seconds.
"""
