DROP TABLE rollbook_meta;
