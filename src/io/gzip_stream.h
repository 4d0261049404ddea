// gzip of a body that is produced piece by piece, as one member, because some HTTP clients cannot
// read several.
#ifndef MILLRACE_IO_GZIP_STREAM_H_
#define MILLRACE_IO_GZIP_STREAM_H_

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

// One body; one thread at a time.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  // Appends to `out` the compressed bytes that `plain` adds, possibly none yet.
  void Write(std::string_view plain, std::string* out);
  // Appends the rest. Nothing may be written after it.
  void Finish(std::string* out);

 private:
  struct State;
  void Deflate(std::string_view plain, bool end, std::string* out);
  std::unique_ptr<State> state_;
};

}  // namespace millrace

#endif  // MILLRACE_IO_GZIP_STREAM_H_
