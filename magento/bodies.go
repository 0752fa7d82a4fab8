package magento

import (
	"bytes"
	"sync"
)

// bodies keeps the memory of answers that were given back, for the next ones.
type bodies struct {
	mu   sync.Mutex
	free [][]byte
	size int // of the last one that was given back
}

// mostKept is how many bodies are kept, and largestKept how large one may be.
const (
	mostKept    = 4
	largestKept = 8 << 20
)

// giveBack takes the memory of a body that was copied out. Who reads whole records keeps a twentieth of them, and making room for
// each anew was a sixth of the work. Nothing of the body may be in use.
func (b *bodies) giveBack(body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size = len(body); len(b.free) < mostKept && cap(body) <= largestKept {
		b.free = append(b.free, body[:0])
	}
}

// take makes room for a body: that of another one, or where there is none, as much as the last one took that was given back.
func (b *bodies) take() *bytes.Buffer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := len(b.free) - 1; last >= 0 {
		room := b.free[last]
		b.free = b.free[:last]
		return bytes.NewBuffer(room)
	}
	if b.size > 0 && b.size < largestKept {
		return bytes.NewBuffer(make([]byte, 0, b.size+b.size/8))
	}
	return new(bytes.Buffer)
}
