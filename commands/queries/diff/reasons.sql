-- purpose: what the two runs did not have in common, besides the shop: settings and rules
-- inputs:  of run1 and of run2: run.settings, run.steps
-- output:  kind (setting, rule), name, before, after (of a rule's text only that it differs)
-- grain:   one row a setting or file of transform/sql that is another
SELECT 'setting' AS kind, name, a.value AS before, b.value AS after
FROM run1.run.settings a FULL JOIN run2.run.settings b USING (name)
WHERE a.value IS DISTINCT FROM b.value
UNION ALL
SELECT 'rule', file, CASE WHEN a.file IS NULL THEN 'not there' ELSE 'as it was' END, CASE WHEN b.file IS NULL THEN 'not there' ELSE 'another text' END
FROM run1.run.steps a FULL JOIN run2.run.steps b USING (file)
WHERE a.text IS DISTINCT FROM b.text
ORDER BY kind DESC, name;
