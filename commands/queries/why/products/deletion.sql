-- purpose: what was decided about a product that the full listing did not contain
-- inputs:  diff.deletions, run.second_look; variable remote_id
-- output:  verdict (off, kept, held, disable), reason, and whether the second look found it
-- grain:   one row; none where it is in the listing, or the run did not read the whole listing
SELECT d.verdict, d.reason, l.found AS second_look_found_it, l.asked_at
FROM diff.deletions d LEFT JOIN run.second_look l USING (remote_id)
WHERE d.remote_id = getvariable('remote_id');
