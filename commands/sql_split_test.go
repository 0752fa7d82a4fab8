package commands

import (
	"slices"
	"testing"
)

func TestSplitSQL_CutsAtSemicolonsThatEndAStatement(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
		rest string
		open bool
	}{
		{"SELECT 1", nil, "SELECT 1", false},
		{"SELECT 1;", []string{"SELECT 1"}, "", false},
		{"SELECT 1; SELECT 2; ", []string{"SELECT 1", "SELECT 2"}, " ", false},
		{";;", nil, "", false},
		{"SELECT ';';", []string{"SELECT ';'"}, "", false},
		{"SELECT 'it''s;';", []string{"SELECT 'it''s;'"}, "", false},
		{`SELECT E'\';';x`, []string{`SELECT E'\';'`}, "x", false},
		{`SELECT ";" FROM "a;b";`, []string{`SELECT ";" FROM "a;b"`}, "", false},
		{"SELECT $$;$$;", []string{"SELECT $$;$$"}, "", false},
		{"SELECT $a$;$$;$a$;", []string{"SELECT $a$;$$;$a$"}, "", false},
		{"SELECT $1; x", []string{"SELECT $1"}, " x", false},
		{"SELECT 1 -- ;\n;", []string{"SELECT 1 -- ;"}, "", false},
		{"SELECT 1 /* ; */;", []string{"SELECT 1 /* ; */"}, "", false},
		{"SELECT 'a", nil, "SELECT 'a", true},
		{"SELECT /* a", nil, "SELECT /* a", true},
		{"-- only a comment;", nil, "-- only a comment;", false},
	} {
		got, rest, open := splitSQL(test.text)
		if !slices.Equal(got, test.want) || rest != test.rest || open != test.open {
			t.Errorf("splitSQL(%q) = %q, %q, %v, want %q, %q, %v", test.text, got, rest, open, test.want, test.rest, test.open)
		}
	}
}

func TestBlankSQL_SeesThroughComments(t *testing.T) {
	for text, want := range map[string]bool{"": true, " \n": true, "-- x": true, "/* x */ ": true, "-- x\nSELECT": false, "x": false, "-": false} {
		if got := blankSQL(text); got != want {
			t.Errorf("blankSQL(%q) = %v, want %v", text, got, want)
		}
	}
}
