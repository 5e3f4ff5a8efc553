-- Who has an email. A question with the containment in it is planned anew each time, since Postgres guesses that one
-- person in a thousand has any email that it does not see; this is one row, whatever the email.
CREATE FUNCTION people_with_email_keys(wanted jsonb) RETURNS SETOF uuid LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    RETURN QUERY SELECT p.id FROM people AS p WHERE p.keys -> '~emails' @> wanted;
END
$$;
