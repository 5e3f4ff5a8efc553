DROP FUNCTION people_with_email_keys(jsonb);
