DROP INDEX people_pending_by_email;
