package nodetest

// What chooses and takes a port, for the tests that need to know which.
var (
	KernelRange = kernelRange
	Reservable  = reservable
	Reserve     = reserve
)
