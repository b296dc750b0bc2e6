package heap

import "syscall"

// enlarge asks for large pages and touches each of them, or one small one in
// its place where the kernel has no large one to give.
func enlarge(memory []byte) bool {
	if syscall.Madvise(memory, syscall.MADV_HUGEPAGE) != nil {
		return false
	}
	for at := 0; at < len(memory); at += largePage {
		memory[at] = 1
	}
	return true
}
