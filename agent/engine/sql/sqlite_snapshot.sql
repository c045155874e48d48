-- The canonical snapshot of a SQLite target: SQLite keeps each object as the statement that made it; the agent folds its white space and comments and takes tables apart into
-- columns and constraints. Not in it: sqlite_sequence and statistics, PRAGMAs (a dump loses them), and the ledger.
--: lite_sql_snapshot
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND tbl_name NOT IN ('rollcall_ledger', 'rollcall_meta', 'rollcall_batch');
