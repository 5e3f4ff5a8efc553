-- Who may see them finds people by their birthday.
CREATE INDEX people_by_birth_date ON people ((person ->> 'birthDate'));
CREATE INDEX people_by_birthday ON people (('--' || substr(person ->> 'birthDate', 6)));
