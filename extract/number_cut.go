package extract

import (
	"context"
	"fmt"

	"magento-optiply/magento"
)

// A page that the shop cannot answer for is read in smaller ones, as by keyset (section 6.5). Their sizes divide one another, so
// that the pages of any of them begin where those of the others do, and reading goes on with large ones behind what failed.

// smallestPage is the smallest page that is tried where a page takes the shop too long.
const smallestPage = 10

// at is the pager of pages of a size, behind so many rows, which the size divides.
func (l *listing) at(rows, size int) magento.PageNumber {
	return magento.PageNumber{Base: l.base, Page: rows/max(size, 1) + 1, PageSize: size, MaxPages: noMaxPages}
}

// grow makes the pages as large as they can be behind so many rows.
func (r *numberReader) grow(rows int) {
	if size := r.sizeAt(rows); r.step == magento.MorePages && size > r.pager.PageSize {
		r.pager = r.list.at(rows, size)
	}
}

// sizeAt is the size of the largest page that begins behind so many rows.
func (r *numberReader) sizeAt(rows int) int {
	size := r.list.size
	for size > 1 && rows%size != 0 {
		size /= smallestDivisor(size)
	}
	return size
}

// failed asks for less, down to the row that is to blame, which is named by its place: what it is called is in no answer.
func (r *numberReader) failed(ctx context.Context, failure error) error {
	size := r.pager.PageSize
	rows := (r.pager.Request().CurrentPage - 1) * size
	smaller := size / smallestDivisor(max(size, 1))
	switch {
	case tooMuch(failure):
		if smaller < smallestPage {
			return failure
		}
		r.list.size, r.client = smaller, r.job.Client.WithRetries(0)
		r.pager = r.list.at(rows, smaller)
		return nil
	case !broken(failure), (size == r.list.size || size == 1) && !r.answersElsewhere(ctx, rows, size):
		return failure
	}
	r.client = r.job.Client.WithRetries(1)
	if size > 1 {
		r.pager = r.list.at(rows, smaller)
		return nil
	}
	if err := r.quarantineRow(ctx, rows+1); err != nil {
		return err
	}
	if r.total >= 0 && rows+1 >= r.total {
		r.step = magento.LastPage
	}
	r.pager = r.list.at(rows+1, r.sizeAt(rows+1))
	return nil
}

// answersElsewhere tells a list with a broken record from one that fails as a whole: the shop answers for its first row, or for
// the one behind the page that fails.
func (r *numberReader) answersElsewhere(ctx context.Context, rows, size int) bool {
	others := []int{0, rows + size}
	if rows == 0 {
		others = others[1:]
	}
	for _, other := range others {
		_, _, err := r.job.getWith(ctx, r.job.Client.WithRetries(0), r.list.path, r.list.ask(r.list.at(other, 1)), r.list.idField)
		if err == nil {
			return true
		}
	}
	return false
}

func (r *numberReader) quarantineRow(ctx context.Context, row int) error {
	if err := r.countQuarantined(ctx); err != nil {
		return err
	}
	if r.quarantined >= mostQuarantined {
		return fmt.Errorf("more than %d rows cannot be read, row %d is the next: look into the shop's own log (var/log, var/report)", mostQuarantined, row)
	}
	r.job.Log.Warn("the shop cannot answer for a row; it is left out, by its place in the list", "stream", r.stream, "row", row)
	return r.nameQuarantined(ctx, "", fmt.Sprintf("the shop answers every page with row %d of the list in it with an error", row))
}
