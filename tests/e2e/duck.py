"""DuckDB and pyarrow, as `tools/setup.sh --tests` unpacks them, for tests and benchmarks.

`duckdb` and `pyarrow` are modules, or None where they cannot be had; then what needs them is skipped.
"""
import importlib
import os
import pathlib
import sys

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "millrace/deps"


def _load(folder, *names):
    path = str(CACHE / folder)
    sys.path.append(path)
    try:
        return [importlib.import_module(name) for name in names][0]
    except ImportError:
        return None
    finally:
        sys.path.remove(path)


duckdb = _load("duckdb-2.0.0", "duckdb")
pyarrow = _load("pyarrow-26.0.1", "pyarrow", "pyarrow.parquet")


def connect(threads=2):
    db = duckdb.connect()
    db.execute(f"SET timezone = 'UTC'; SET threads = {threads}")
    return db


# What docs/verbs/staypoints.md promises. A plain list() after the window would lose the order.
STAYPOINTS = """
SELECT user_id,
       list({{enter_time: enter_time, exit_time: exit_time, lat: lat, lng: lng}} ORDER BY rn) AS staypoints,
       substr(user_id, 1, 2) AS p1, substr(user_id, 3, 2) AS p2
FROM (SELECT user_id, trip_end_time::TIMESTAMP AS enter_time,
             (lead(trip_start_time) OVER w)::TIMESTAMP AS exit_time,
             end_lat AS lat, end_lng AS lng, row_number() OVER w AS rn
      FROM ({trips})
      WINDOW w AS (PARTITION BY user_id
                   ORDER BY trip_start_time NULLS LAST, trip_end_time NULLS LAST, start_lat NULLS LAST,
                            start_lng NULLS LAST, end_lat NULLS LAST, end_lng NULLS LAST))
WHERE exit_time IS NOT NULL GROUP BY user_id
"""

# The same, in the fastest way found: lists are only sorted if they lost their order.
QUICKEST_STAYPOINTS = """
SELECT user_id,
       CASE WHEN list_sort(numbers) = numbers THEN stays
            ELSE list_transform(list_sort(list_zip(numbers, stays)), lambda pair: pair[2]) END AS staypoints,
       substr(user_id, 1, 2) AS p1, substr(user_id, 3, 2) AS p2
FROM (SELECT user_id, list({{enter_time: enter_time, exit_time: exit_time, lat: lat, lng: lng}}) AS stays, list(rn) AS numbers
      FROM (SELECT user_id, trip_end_time::TIMESTAMP AS enter_time,
                   (lead(trip_start_time) OVER w)::TIMESTAMP AS exit_time,
                   end_lat AS lat, end_lng AS lng, row_number() OVER w AS rn
            FROM ({trips})
            WINDOW w AS (PARTITION BY user_id
                         ORDER BY trip_start_time NULLS LAST, trip_end_time NULLS LAST, start_lat NULLS LAST,
                                  start_lng NULLS LAST, end_lat NULLS LAST, end_lng NULLS LAST))
      WHERE exit_time IS NOT NULL GROUP BY user_id)
"""

# Rows that are trips: the others are rejected.
POSSIBLE = """user_id IS NOT NULL
  AND coalesce(start_lat BETWEEN -90 AND 90, true) AND coalesce(end_lat BETWEEN -90 AND 90, true)
  AND coalesce(start_lng BETWEEN -180 AND 180, true) AND coalesce(end_lng BETWEEN -180 AND 180, true)"""
