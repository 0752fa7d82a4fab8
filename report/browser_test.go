package report

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var screenshots = flag.String("screenshots", "", "keep pictures of the page in this folder, to be looked at")

// browse runs a headless browser over a page, without a network.
func browse(t *testing.T, page string, args ...string) string {
	t.Helper()
	args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--user-data-dir=" + t.TempDir(), "--hide-scrollbars"}, args...)
	out, err := exec.Command("chromium", append(args, "file://"+page)...).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return string(out)
}

// The page is laid out by a browser where there is one: nothing may be wider than a telephone.
func TestReport_FitsATelephone(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil || testing.Short() {
		t.Skip("needs chromium")
	}
	b, r := fullNight(t)
	text := write(t, b, r)
	// A script measures; the page itself allows none. The frame is as wide as a telephone, which a window cannot be.
	measured := strings.Replace(text, "default-src 'none'; style-src 'unsafe-inline'", "", 1)
	measured = strings.Replace(measured, "</body>", `<script>document.body.setAttribute("data-width", [document.documentElement.scrollWidth, ...[...document.querySelectorAll("svg text")].filter(e => {
		const a = e.getBoundingClientRect(), b = e.ownerSVGElement.getBoundingClientRect(); return a.left < b.left - 1 || a.right > b.right + 1; }).map(e => e.textContent)].join("|"))</script></body>`, 1)
	dir := t.TempDir()
	inner, outer := filepath.Join(dir, "inner.html"), filepath.Join(dir, "outer.html")
	for path, text := range map[string]string{inner: measured, outer: `<body style="margin:0"><iframe id="f" src="inner.html" style="width:375px;height:2000px;border:0"></iframe>
		<script>addEventListener("load", () => { document.body.setAttribute("data-inner", document.getElementById("f").contentDocument.body.getAttribute("data-width")) })</script>`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dom := browse(t, outer, "--allow-file-access-from-files", "--dump-dom")
	m := regexp.MustCompile(`data-inner="([^"]*)"`).FindStringSubmatch(dom)
	if m == nil || m[1] != "375" {
		t.Errorf("width, and labels that are cut: %v, want 375 and none", m)
	}
	if *screenshots == "" {
		return
	}
	page := filepath.Join(dir, "page.html")
	frame := filepath.Join(dir, "frame.html")
	for path, text := range map[string]string{page: text, frame: `<body style="margin:0"><iframe src="page.html" style="width:375px;height:5200px;border:0"></iframe>`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"desktop-light": {page, "--window-size=1200,3300"}, "desktop-dark": {page, "--window-size=1200,3300", "--blink-settings=preferredColorScheme=0"},
		"phone-light": {frame, "--window-size=500,5200"}, "phone-dark": {frame, "--window-size=500,5200", "--blink-settings=preferredColorScheme=0"},
	} {
		browse(t, args[0], append(args[1:], "--screenshot="+filepath.Join(*screenshots, name+".png"))...)
	}
	browse(t, page, "--print-to-pdf="+filepath.Join(*screenshots, "page.pdf"))
}
