#include "generate/sample_files.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/status.h"
#include "base/strings.h"
#include "formats/row_writer.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kProgressRows = 10'000;

constexpr SampleFormat kFormats[] = {
    {FileType::kParquet, "parquet", ".parquet", "PARQUET"},
    {FileType::kNdjson, "ndjson", ".ndjson.gz", "NDJSON"},
    {FileType::kCsv, "csv", ".csv", "CSV"},
};

OpenRowWriter* WriterOf(FileType type) {
  if (type == FileType::kParquet) return NewParquetRowWriter;
  return type == FileType::kNdjson ? NewNdjsonGzRowWriter : NewCsvRowWriter;
}

absl::Status MakeFolder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? ErrnoStatus(error.value(), StrCat("making folder ", path.string()))
               : absl::OkStatus();
}

// One run: the files of each format, one after another.
class Generation {
 public:
  Generation(const SampleFiles& sample, RowMaker& maker, std::stop_token stop,
             const GenerateProgress& progress)
      : sample_(sample),
        maker_(maker),
        stop_(std::move(stop)),
        progress_(progress),
        formats_(SampleFormats(sample)),
        total_(sample.rows * formats_.size()) {}

  absl::StatusOr<GenerateReport> Run() {
    const std::vector<std::string> paths = SamplePaths(sample_);
    auto path = paths.begin();
    for (const SampleFormat* format : formats_) {
      RETURN_IF_ERROR(MakeFolder(fs::path(*path).parent_path()));
      for (int file = 0; file < sample_.files; ++file) {
        RETURN_IF_ERROR(WriteFile(*format, *path++, static_cast<uint64_t>(file)));
      }
    }
    report_.rows = sample_.rows;
    return std::move(report_);
  }

 private:
  absl::Status WriteFile(const SampleFormat& format, const fs::path& path, uint64_t file) {
    // A leading dot keeps the unfinished file out of listings.
    const fs::path unfinished = path.parent_path() / StrCat(".", path.filename().string());
    const auto files = static_cast<uint64_t>(sample_.files);
    absl::Status status = WriteRows(format, unfinished.string(), sample_.rows * file / files,
                                    sample_.rows * (file + 1) / files);
    std::error_code error;
    if (status.ok()) {
      report_.bytes += fs::file_size(unfinished, error);
      if (!error) fs::rename(unfinished, path, error);
      if (error) status = ErrnoStatus(error.value(), StrCat("finishing ", path.string()));
    }
    if (!status.ok()) {
      fs::remove(unfinished, error);
      return status;
    }
    report_.files.push_back(path.string());
    return absl::OkStatus();
  }

  absl::Status WriteRows(const SampleFormat& format, const std::string& path, uint64_t begin,
                         uint64_t end) {
    ASSIGN_OR_RETURN(const std::unique_ptr<RowWriter> writer,
                     WriterOf(format.type)(path, maker_.columns()));
    for (uint64_t row = begin; row < end; ++row) {
      RETURN_IF_ERROR(writer->Write(maker_.Make(row)));
      if (++done_ % kProgressRows != 0) continue;
      if (stop_.stop_requested()) return absl::CancelledError("stopped");
      if (progress_) progress_(done_, total_);
    }
    RETURN_IF_ERROR(writer->Finish());
    if (progress_) progress_(done_, total_);
    return absl::OkStatus();
  }

  const SampleFiles& sample_;
  RowMaker& maker_;
  const std::stop_token stop_;
  const GenerateProgress& progress_;
  const std::vector<const SampleFormat*> formats_;
  const uint64_t total_;
  GenerateReport report_;
  uint64_t done_ = 0;
};

}  // namespace

absl::Status CheckSampleFiles(const SampleFiles& files) {
  if (files.output.empty()) return absl::InvalidArgumentError("no output folder is given");
  if (files.rows == 0) return absl::InvalidArgumentError("rows must be at least 1");
  if (files.files < 1 || files.files > 99'999 || static_cast<uint64_t>(files.files) > files.rows) {
    return absl::InvalidArgumentError(
        StrCat("files must be from 1 to 99999 and must not exceed rows, not ", files.files));
  }
  for (const FileType type : files.formats) {
    const auto writes = [type](const SampleFormat& format) { return format.type == type; };
    if (std::none_of(std::begin(kFormats), std::end(kFormats), writes)) {
      return absl::InvalidArgumentError("sample data is written as parquet, ndjson or csv only");
    }
  }
  return absl::OkStatus();
}

std::vector<const SampleFormat*> SampleFormats(const SampleFiles& files) {
  std::vector<const SampleFormat*> formats;
  for (const SampleFormat& format : kFormats) {
    if (files.formats.empty() ||
        std::count(files.formats.begin(), files.formats.end(), format.type) > 0) {
      formats.push_back(&format);
    }
  }
  return formats;
}

std::vector<std::string> SamplePaths(const SampleFiles& files) {
  std::vector<std::string> paths;
  const std::vector<const SampleFormat*> formats = SampleFormats(files);
  for (const SampleFormat* format : formats) {
    const fs::path output = files.output;
    const fs::path folder = formats.size() == 1 ? output : output / format->folder;
    for (int file = 0; file < files.files; ++file) {
      char number[16];
      std::snprintf(number, sizeof number, "-%05d", file);
      paths.push_back((folder / StrCat(files.stem, number, format->extension)).string());
    }
  }
  return paths;
}

absl::Status CheckReplaces(const SampleFiles& files, const std::vector<std::string>& paths) {
  if (files.replace) return absl::OkStatus();
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(path, error))) continue;
    return absl::AlreadyExistsError(
        StrCat(path, " exists; give --force to replace it, or another --output"));
  }
  return absl::OkStatus();
}

absl::StatusOr<GenerateReport> WriteSampleFiles(const SampleFiles& files, RowMaker& maker,
                                                std::stop_token stop,
                                                const GenerateProgress& progress) {
  return Generation(files, maker, std::move(stop), progress).Run();
}

}  // namespace millrace
