package check

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Clock compares a server's clock, which it tells to the second in the header Date of every answer, with ours.
type Clock struct {
	mu   sync.Mutex
	seen bool
	skew time.Duration
}

// Note takes the Date of an answer that was asked for at sent and came at got.
func (c *Clock) Note(date, sent, got time.Time) {
	if date.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The server wrote it between the two, and it is up to a second later than it says.
	skew := time.Duration(0)
	if least := date.Sub(got); least > 0 {
		skew = least
	} else if most := date.Add(time.Second).Sub(sent); most < 0 {
		skew = most
	}
	if !c.seen || skew.Abs() < c.skew.Abs() { // an answer that came quickly tells it best
		c.seen, c.skew = true, skew
	}
}

// Skew is how far the server's clock is ahead of ours; known is false where no answer told.
func (c *Clock) Skew() (skew time.Duration, known bool) {
	if c == nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.seen
}

// Transport notes the clock of everything that passes.
func (c *Clock) Transport(next http.RoundTripper, now func() time.Time) http.RoundTripper {
	return noting{c, next, now}
}

type noting struct {
	clock *Clock
	next  http.RoundTripper
	now   func() time.Time
}

func (n noting) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := n.now()
	resp, err := n.next.RoundTrip(req)
	if err == nil {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			n.clock.Note(date, sent, n.now())
		}
	}
	return resp, err
}

const (
	// tolerance is how far a clock may be off before it is worth a word; runs warn from there on too.
	tolerance = 5 * time.Minute
	// nonceLimit is how far ahead of Magento's clock an OAuth time stamp may be. That it is ten minutes is read in Magento's source
	// (Integration/Model/Oauth/Nonce/Generator.php, TIME_DEVIATION) and not tried: what was recorded (f-oauth1-*) is that twenty were
	// refused, and one day behind was taken. A shop's code can have another limit.
	nonceLimit = 10 * time.Minute
)

const setClock = "set the clock of this machine (timedatectl set-ntp true), or have the other side set its own"

// checkClock judges the skew of one side. signed is true where requests carry a time stamp that the server looks at.
func (j *Job) checkClock(check, whose string, clock *Clock, signed bool) {
	skew, known := clock.Skew()
	ahead := fmt.Sprintf("%s's clock is %s ahead of this machine's", whose, skew.Abs().Round(time.Second))
	if skew < 0 {
		ahead = fmt.Sprintf("this machine's clock is %s ahead of %s's", skew.Abs().Round(time.Second), whose)
	}
	switch {
	case !known:
		j.skip(check, whose+" told no time")
	case signed && -skew > nonceLimit:
		j.fail(check, ahead+"; with OAuth Magento refuses a time stamp too far ahead of its own clock: more than 10 minutes by its source, and 20 were seen refused", setClock)
	case signed && -skew > nonceLimit/2:
		j.warn(check, ahead+"; with OAuth Magento refuses, by its source, more than 10 minutes", setClock)
	case skew.Abs() > tolerance:
		j.warn(check, ahead, setClock)
	case skew.Abs() < 2*time.Second:
		j.ok(check, "as this machine's")
	default:
		j.ok(check, ahead)
	}
}
