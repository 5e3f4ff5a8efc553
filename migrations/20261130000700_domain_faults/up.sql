-- Pending manager edges by the email that they name: each plan looks for those that lead to its people.
CREATE INDEX people_pending_by_email ON people (manager_via_email) WHERE manager_state = 'pending';
