// Where objects are listed, read and written. The local disk is here; gs://, s3:// and az:// are in
// stores/, which also picks the store of a uri.
#ifndef MILLRACE_IO_OBJECT_STORE_H_
#define MILLRACE_IO_OBJECT_STORE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "io/input_stream.h"

// Errors name the object. Besides those named below: Unauthenticated and PermissionDenied say what
// to do; Unavailable: the store did not respond, even after all retries; Cancelled: a stop was
// requested.
namespace millrace {

// One object in a listing. uri + version identify its bytes: a changed object has a new version.
struct ObjectInfo {
  std::string uri;      // local files: the absolute path
  uint64_t size = 0;    // bytes
  std::string version;  // generation, ETag, or "<size>-<mtime ns>" for local files
};

struct TableRows;

struct ByteRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// Random access to the bytes of one listed version. Thread-safe.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual const ObjectInfo& info() const = 0;
  // Reads up to `to.size()` bytes at `offset`; fewer only at the end of the object. Blocking.
  // NotFound or FailedPrecondition if the listed version is gone and the store can detect that.
  virtual absl::StatusOr<size_t> ReadAt(uint64_t offset, absl::Span<char> to) = 0;
  // FailedPrecondition, naming the object, if the bytes read may not be of the listed version.
  // Always ok if every read requests that version.
  virtual absl::Status CheckUnchanged() = 0;
  // A hint that replaces earlier ones: these ranges will be read soon, each front to back, all in
  // parallel. A remote store can fetch ahead in few requests.
  virtual void WillRead(absl::Span<const ByteRange> ranges) { (void)ranges; }
  // What the table that the object is a data file of says about its rows (formats/table_rows.h);
  // null: it is not read as part of a table. Lives as long as the reader.
  virtual const TableRows* table_rows() const { return nullptr; }
};

// Writes one object. One thread at a time. If it is destroyed without Finish(), nothing remains.
class ObjectWriter {
 public:
  virtual ~ObjectWriter() = default;
  // Blocking. After an error the writer cannot be used any more.
  virtual absl::Status Append(std::string_view bytes) = 0;
  // Ok once the object is complete and durable; it replaces one of the same name. Others see the
  // old object or the new one, never a part. Called once, last.
  virtual absl::Status Finish() = 0;
};

// Thread-safe. Contract: io/testing/object_store_contract.h.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Called once per object; a status that is not ok ends the listing and is returned.
  using Visitor = std::function<absl::Status(const ObjectInfo&)>;
  // Called once for each name that is skipped as hidden: the uri of an object, or of a folder with
  // a final '/', which stands for everything below it. A status that is not ok ends the listing
  // too.
  using HiddenVisitor = std::function<absl::Status(std::string_view uri)>;

  // Lists what `pattern` matches, in byte order of the uri: one object, a folder (everything below
  // it), or a glob (`*` and `?` within a path segment, `**` across segments, `[abc]`). A name that
  // exists is that object or folder, even if it looks like a glob; in a glob `[[]` is a bracket. An
  // empty object that has the name of a folder stands for the folder. Hidden names (io/glob.h) are
  // skipped unless named, and passed to `hidden` if it is set. Directories are walked while the
  // visitor is called; only the names in open directories are in memory. NotFound if nothing
  // matches. Local uris: symbolic links in the folder that the pattern names before its first
  // wildcard are resolved, so that one file has one uri; links below it are followed and keep their
  // names.
  virtual absl::Status List(std::string_view pattern, const Visitor& visitor,
                            const HiddenVisitor& hidden) = 0;
  absl::Status List(std::string_view pattern, const Visitor& visitor) {
    return List(pattern, visitor, HiddenVisitor());
  }

  // The object of exactly that name, looked up without a listing. NotFound if there is none. A
  // folder is not an object, and wildcards are ordinary characters.
  virtual absl::StatusOr<ObjectInfo> Find(std::string_view uri) = 0;

  // Opens the listed version. NotFound if it is gone, FailedPrecondition if it changed.
  virtual absl::StatusOr<std::unique_ptr<ObjectReader>> Open(const ObjectInfo& object) = 0;

  // Begins an object of that name (no glob; local folders are created as needed). InvalidArgument
  // if no object can have that name, ResourceExhausted if there is no room, PermissionDenied.
  virtual absl::StatusOr<std::unique_ptr<ObjectWriter>> Create(std::string_view uri) = 0;

  // Ok once no object has that name; durable.
  virtual absl::Status Remove(std::string_view uri) = 0;

  // Ok once `to` has the content of `from` and there is no `from`; durable. It replaces an object
  // of that name; others see the old one or the new one, never a part (on Azure an empty one while
  // a copy is pending, which is rare). Nothing else may write `from` meanwhile. Local folders of
  // `to` are created as needed, that of `from` stays. A move to the same name changes nothing.
  // NotFound: there is no `from`. InvalidArgument: a name is that of a folder or a local symbolic
  // link, or the names are in two buckets or file systems. After any other error `from`, or `to`,
  // or both exist with the content. Calling it again is harmless: it is NotFound if an earlier call
  // did everything and only its result was lost, so the caller then checks `to` by Find(); it is
  // durable too.
  virtual absl::Status Move(std::string_view from, std::string_view to) = 0;

  // Creates the object with this content if no object has that name; durable. If several callers
  // create one name, one of them succeeds. AlreadyExists: there is one, which is unchanged. It may
  // be from an earlier try of this call whose result was lost: the caller reads it to find out.
  // Other errors: as of Create() and ObjectWriter; after Unavailable the object may exist.
  virtual absl::Status CreateIfAbsent(std::string_view uri, std::string_view content) = 0;

  // True for the uris that are meant.
  using UriFilter = std::function<bool(std::string_view uri)>;

  // Removes what unfinished writers have stored of the objects below `folder`, a uri with '/' at
  // its end, for which the filter is true, and returns how many writers that were. They may be of
  // any process; one that still runs fails from then on. The default removes nothing: a writer that
  // is killed leaves a hidden file on disk, for List() and Remove(), and what it leaves at Google
  // and Azure is removed by them after a week.
  virtual absl::StatusOr<size_t> RemoveUnfinished(std::string_view folder,
                                                  const UriFilter& filter) {
    (void)folder, (void)filter;
    return 0;
  }
};

std::unique_ptr<ObjectStore> NewLocalObjectStore();

// Reads `reader` from `offset` to the listed size, at least `block` bytes at a time.
// FailedPrecondition if the object ends earlier. `reader` must outlive the stream.
std::unique_ptr<InputStream> NewObjectStream(ObjectReader& reader, size_t block = 256 * 1024,
                                             uint64_t offset = 0);

// True if `path` matches the glob `pattern` (see List).
bool GlobMatches(std::string_view pattern, std::string_view path);

}  // namespace millrace

#endif  // MILLRACE_IO_OBJECT_STORE_H_
