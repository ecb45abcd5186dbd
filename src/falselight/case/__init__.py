"""A case: a folder of events that were read once, as Parquet files with a manifest.

The manifest says what belongs to the case; a file that it does not name is no part of it. Every file is written aside,
flushed to the disk and renamed, the manifest last: whoever is stopped leaves the case as it was after the last commit.
"""
