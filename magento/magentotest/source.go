package magentotest

// source holds the records of one stream. There are two: rows, which has them in memory, and generated, which makes a record
// of its id each time. Both answer alike (TestSource_*). Their methods may be called from several goroutines.
type source interface {
	// find returns one page of what matches, in order, and how many match in all.
	find(q query) (page []*record, total int)
	// knows tells whether the stream has this field.
	knows(field string) bool
	// byKey and byID return nil when there is no such record.
	byKey(key string) *record
	byID(id int64) *record
	// count is how many records there are.
	count() int
	// each calls f for every record by id, until f answers false.
	each(f func(*record) bool)
	// put inserts or replaces; it tells whether the key or the id was there.
	put(r *record) (replaced bool)
	// remove tells whether there was such a record.
	remove(key string) bool
	// forget drops what was made of records for the views of other streams.
	forget()
}

// query is a question to a stream.
type query struct {
	groups [][]filter // ANDed; the filters of one group are ORed [obs]
	sorts  []sortOrder
	// size and page cut the answer; without a size, or with 0, it is everything.
	size, page *int
	repeatLast bool // past the end the last page again

	// view turns a record into what a store view sees of it, and store names that view. nil: as it is.
	view  func(*record) *record
	store string
	// hidden are the ids of records that are not committed yet.
	hidden map[int64]bool
	// ties, when it is not 0, puts equal rows into an order of its own.
	ties uint64
}
