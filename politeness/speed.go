package politeness

import (
	"math"
	"time"
)

const (
	// quickEnough is a latency below which nothing is called slow.
	quickEnough = 10 * time.Millisecond
	// Of one answer counts what lies between these multiples of the baseline: a
	// single page that waited for a lock is not a slow shop.
	leastOf, mostOf = 0.5, 4
	// The recent latency is an average of some two seconds, over 8 to 64
	// answers; over 4 when a run begins.
	recentTime          = 2 * time.Second
	mostGain, leastGain = 1.0 / 8, 1.0 / 64
	startGain           = 1.0 / 4
	// firstAnswers make a class's first baseline.
	firstAnswers = 4
	// The baseline follows the first dips as an average does, later ones by
	// these shares of the difference: down sooner than up. Between dips it falls
	// when recent answers are clearlyFaster, and rises over driftTime, for
	// classes so rare that no dip meets them.
	fallShare, riseShare = 0.5, 0.2
	clearlyFaster        = 0.8
	driftTime            = 10 * time.Minute
	// mostClasses bounds the memory; what comes later shares one class.
	mostClasses = 256
)

// speeds knows the latency of each class of requests.
type speeds map[string]*speed

// speed is what a class takes, in seconds. Classes are never compared with each
// other: a page of 300 products took 2.31 s and one stock status 0.1 s.
type speed struct {
	answers  int
	base     float64 // baseline
	recent   float64
	at       time.Time
	dips     int     // that this class was answered in
	dipSum   float64 // of what was answered in this dip
	dipCount int
}

// learn takes an answer's latency and returns the ratio of the recent latency
// to the baseline; 1 for a class's first answer.
func (s speeds) learn(now time.Time, class string, latency time.Duration, dip, starting bool) float64 {
	c := s.class(class)
	x := max(latency, quickEnough).Seconds()
	if c.answers == 0 {
		*c = speed{answers: 1, base: x, recent: x, at: now}
		return 1
	}
	since := now.Sub(c.at)
	c.at = now
	clipped := math.Min(math.Max(x, leastOf*c.base), mostOf*c.base)
	g := gain(since, starting)
	c.recent += g * (clipped - c.recent)
	ratio := c.recent / c.base
	switch {
	case c.answers < firstAnswers:
		c.answers++
		c.base += (x - c.base) / float64(c.answers)
	case c.recent < clearlyFaster*c.base && !starting:
		c.base += g * (c.recent - c.base)
	case c.recent > c.base:
		c.base += math.Min(1, since.Seconds()/driftTime.Seconds()) * (c.recent - c.base)
	}
	if dip {
		c.dipSum += clipped
		c.dipCount++
	}
	return ratio
}

func gain(since time.Duration, starting bool) float64 {
	if starting {
		return startGain
	}
	return math.Min(math.Max(since.Seconds()/recentTime.Seconds(), leastGain), mostGain)
}

// settle moves the baselines by what was measured in a dip that is over.
func (s speeds) settle() {
	for _, c := range s {
		if c.dipCount > 0 {
			c.dips++
			mean, share := c.dipSum/float64(c.dipCount), riseShare
			if mean < c.base {
				share = fallShare
			}
			c.base += math.Max(share, 1/float64(c.dips)) * (mean - c.base)
		}
		c.dipSum, c.dipCount = 0, 0
	}
}

// calm supposes that a decrease helped, so that the next one needs new evidence.
func (s speeds) calm() {
	for _, c := range s {
		c.recent = math.Min(c.recent, slower*c.base)
	}
}

func (s speeds) class(name string) *speed {
	if c, ok := s[name]; ok {
		return c
	}
	if len(s) >= mostClasses {
		name = ""
		if c, ok := s[name]; ok {
			return c
		}
	}
	c := &speed{}
	s[name] = c
	return c
}
