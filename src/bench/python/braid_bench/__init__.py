"""From Parquet to Parquet: Braid next to PySpark jobs that fuse the same files with torch and ONNX Runtime.

Start at `__main__.main`, then `comparison`. The rows are `tables`, the rivals' job is `pyspark_job` and what its Python
workers do `worker`; `encoders` holds the ways in which they can run the encoder, and `trial` picks the fastest.
"""
