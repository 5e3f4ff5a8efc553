-- What filters compare and lists are sorted by: the values of the document, prepared as comparisons want them (case
-- folded, instants in UTC), in the shape of the document. The program fills it in; absent until it has.
ALTER TABLE people ADD COLUMN keys jsonb;
CREATE INDEX people_unkeyed ON people (position) WHERE keys IS NULL;

-- A program that does not know the column may write people while it is being replaced: keys of a document that is not
-- there any more are forgotten, and made anew.
CREATE FUNCTION people_forget_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.keys := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER people_forget_keys BEFORE UPDATE OF document ON people FOR EACH ROW
    WHEN (OLD.document IS DISTINCT FROM NEW.document AND OLD.keys IS NOT DISTINCT FROM NEW.keys)
    EXECUTE FUNCTION people_forget_keys();

-- Equal values are found by their first 200 characters: an index takes no long ones.
CREATE INDEX people_by_user_name ON people ((left(keys ->> 'userName', 200) COLLATE "C"));
CREATE INDEX people_by_display_name ON people ((left(keys ->> 'displayName', 200) COLLATE "C"));
CREATE INDEX people_by_employee_number ON people
    ((left(keys -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'employeeNumber', 200) COLLATE "C"));
CREATE INDEX people_by_department ON people
    ((left(keys -> 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User' ->> 'department', 200) COLLATE "C"));
CREATE INDEX people_by_email ON people USING gin ((keys -> '~emails') jsonb_path_ops) WITH (gin_pending_list_limit = 256);
CREATE INDEX people_by_created ON people (created_at);
CREATE INDEX people_by_modified ON people (modified_at);
-- What `co`, `sw` and `ew` use is made at start (see store/trigrams.rs): its extension is not there on every server.

-- By what a sorted walk goes on: the sort value of the last resource that was read, if it has one.
ALTER TABLE index_walks ADD COLUMN last_key text;
