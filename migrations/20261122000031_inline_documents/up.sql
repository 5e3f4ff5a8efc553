-- Documents are read by the page and keys are compared one after the other: within the row and as they are, neither
-- costs a look into another table, nor unpacking. What goes out of the row instead is the person, which only those who
-- write need. It holds for whoever is written from now on.
ALTER TABLE people ALTER COLUMN document SET STORAGE MAIN, ALTER COLUMN keys SET STORAGE MAIN;
ALTER TABLE people SET (toast_tuple_target = 4080);
