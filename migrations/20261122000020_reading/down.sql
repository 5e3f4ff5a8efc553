DROP INDEX people_by_birthday;
DROP INDEX people_by_birth_date;
