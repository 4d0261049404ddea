// Preloaded (LD_PRELOAD) by the proxy's benchmark, to see what stable storage costs.
extern "C" __attribute__((visibility("default"))) int fdatasync(int /*file*/) { return 0; }
