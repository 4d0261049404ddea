// The files of a log that need not outlive its process.
#ifndef MILLRACE_RECORD_LOG_MEMORY_LOG_FILES_H_
#define MILLRACE_RECORD_LOG_MEMORY_LOG_FILES_H_

#include <memory>

#include "record_log/log_files.h"

namespace millrace {

// Empty. A file takes memory for what was written to it, and keeps that until it is destroyed.
std::unique_ptr<LogFiles> NewMemoryLogFiles();

}  // namespace millrace

#endif  // MILLRACE_RECORD_LOG_MEMORY_LOG_FILES_H_
