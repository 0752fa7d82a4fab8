// Package fleet runs hundreds of shops on several machines: it says which machine has which shop, when each is run, and sees
// that no shop is run twice at once and that none is lost with the machine it was on. No other package has a noun for more
// than one machine, and no other one needs a job queue, PostgreSQL or object storage: what they depend on stays here.
//
// The queue is River, a library over the fleet's database, SQLite for one machine and PostgreSQL for several. One job is one
// run of one shop; what runs it is given by the caller, and is what `run` is. Each machine has a queue of its own, because a
// shop's folder is on one machine's disk. River's unique jobs keep a job that waits or runs from being queued a second time.
//
// Cron expressions are kept in a table, and not as River's periodic jobs: those live in the memory of the one process that
// leads, which need not have the configuration of every shop, and forget what fell due while none was up.
//
// What River does not know is which machine may write. For that each shop has a row with a fencing number, which grows with
// each run, and a lease. A machine that holds the lease renews it while it runs the shop; the run itself sends nothing to
// Optiply after half of the lease (invariants 2 and 9). After each run a copy of the shop goes to storage under the number
// of the run, so that copies sort by age and none is written over. A machine that takes a shop over pulls the newest copy;
// where a run was begun after that copy was made, Optiply may hold what the copy does not know, and it is read back
// (`extract --full`, `adopt`) before anything is created.
package fleet
