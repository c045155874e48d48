-- Bodies as people write them for the client: with DELIMITER, and without where the server's grammar tells the end.
CREATE TABLE log (id int AUTO_INCREMENT PRIMARY KEY, what varchar(100));
DELIMITER //
CREATE PROCEDURE fill(IN n int)
BEGIN
	DECLARE i int DEFAULT 0;
	DECLARE done int DEFAULT FALSE;
	DECLARE names CURSOR FOR SELECT what FROM log;
	DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = TRUE;
	DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
	outer_loop: WHILE i < n DO
		SET i = i + 1;
		IF i = 2 THEN ITERATE outer_loop; ELSEIF i = 9 THEN LEAVE outer_loop; END IF;
		CASE i WHEN 1 THEN INSERT INTO log (what) VALUES ('one; //'); ELSE INSERT INTO log (what) VALUES (CASE WHEN i > 3 THEN 'many' ELSE 'few' END); END CASE;
	END WHILE outer_loop;
	REPEAT SET i = i - 1; UNTIL i <= 0 END REPEAT;
	again: LOOP LEAVE again; END LOOP;
	-- a comment; with a delimiter ;
	SELECT COUNT(*) INTO i FROM log;
END//
CREATE FUNCTION label(a int) RETURNS varchar(20) DETERMINISTIC
BEGIN
	RETURN IF(a > 1, 'end', CASE a WHEN 1 THEN 'begin' END);
END //
DELIMITER ;
CREATE FUNCTION simple() RETURNS int DETERMINISTIC RETURN 1 + 1;
CREATE PROCEDURE short_one() INSERT INTO log (what) VALUES ('short;');
CALL fill(5);
CALL short_one();
INSERT INTO log (what) VALUES (label(1)), ('it\'s; "ok"'), ("double ""quoted""; 'too'"), ('a\\');
