/* a block; /* nested; ' " $$ */ still inside; */ CREATE TABLE a (b int); -- to the end; of 'the line
-- ; ; ;
;;
CREATE TABLE c ( /* inside; */ d int -- last; column
);
INSERT INTO a VALUES (1) /* ; */, (2); /**/ INSERT INTO a VALUES (1 --;
+ 2);
COMMENT ON TABLE a IS 'not -- a comment; /* nor this';
SELECT 1 AS "-- x;", 2 /* $$ */ AS "/*;", '$$', $$--$$, 3 AS a$$b;
SELECT 4 -/* minus */- 1 AS five;
CREATE VIEW v AS SELECT b, 'x;' || 'y' AS t FROM a -- the file ends without a semicolon; and in a comment
