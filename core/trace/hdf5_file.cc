#include "core/trace/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "core/trace/lookup3.h"

namespace retort {
namespace {

// The core driver refuses an image when a file of its name exists in the working folder, so the
// name is one that no file has.
constexpr const char* kImageName = "\x01retort image in memory\x01";

constexpr hsize_t kChunkElements = 64 * 1024;
constexpr size_t kCoreIncrementBytes = size_t{1} << 20;
constexpr size_t kMaxAttributeBytes = size_t{1} << 20;
// Up to so many links or attributes stay in the object header: no B-trees or heaps in our files.
constexpr unsigned kMaxCompactEntries = 64;
constexpr unsigned kMinDenseEntries = 32;

/// An HDF5 identifier with its close function.
class Handle {
 public:
  using Closer = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Closer close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() { Close(); }

  bool ok() const { return id_ >= 0; }
  hid_t get() const { return id_; }
  /// Whether closing worked; true if there was nothing to close.
  bool Close() {
    if (!ok()) return true;
    return close_(std::exchange(id_, H5I_INVALID_HID)) >= 0;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Closer close_ = nullptr;
};

extern "C" herr_t KeepCause(unsigned, const H5E_error2_t* error, void* cause) {
  *static_cast<std::string*>(cause) = error->desc == nullptr ? "" : error->desc;
  return 0;
}

/// The innermost reason HDF5 gives for its last failure; "" if none.
std::string LastCause() {
  std::string cause;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, &KeepCause, &cause);
  return cause;
}

void SilenceHdf5() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

struct TypePair {
  hid_t file;
  hid_t memory;
  size_t bytes;
};

TypePair TypesOf(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::kU8:
      return {H5T_STD_U8LE, H5T_NATIVE_UINT8, 1};
    case Hdf5Type::kI32:
      return {H5T_STD_I32LE, H5T_NATIVE_INT32, 4};
    case Hdf5Type::kI64:
      return {H5T_STD_I64LE, H5T_NATIVE_INT64, 8};
    case Hdf5Type::kU64:
      return {H5T_STD_U64LE, H5T_NATIVE_UINT64, 8};
    case Hdf5Type::kF32:
      return {H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 4};
    case Hdf5Type::kF64:
      return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 8};
  }
  return {H5I_INVALID_HID, H5I_INVALID_HID, 1};
}

/// "a/b/c" gives "a" and "a/b".
std::vector<std::string> Parents(const std::string& path) {
  std::vector<std::string> parents;
  for (size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    parents.push_back(path.substr(0, slash));
  }
  return parents;
}

/// Access to an image in memory, in a format that HDF5 1.10 and newer read, without locks.
Handle MemoryAccess() {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  const bool set = access.ok() &&
                   H5Pset_fapl_core(access.get(), kCoreIncrementBytes, /*backing_store=*/0) >= 0 &&
                   H5Pset_libver_bounds(access.get(), H5F_LIBVER_V110, H5F_LIBVER_V110) >= 0 &&
                   H5Pset_file_locking(access.get(), /*use=*/0, /*ignore_when_disabled=*/1) >= 0;
  return set ? std::move(access) : Handle();
}

/// A creation list of class `kind` without time stamps.
Handle CreationList(hid_t kind) {
  Handle list(H5Pcreate(kind), H5Pclose);
  const bool set = list.ok() && H5Pset_obj_track_times(list.get(), 0) >= 0;
  return set ? std::move(list) : Handle();
}

Handle GroupCreationList(hid_t kind) {
  Handle list = CreationList(kind);
  const bool set =
      list.ok() && H5Pset_link_phase_change(list.get(), kMaxCompactEntries, kMinDenseEntries) >= 0;
  return set ? std::move(list) : Handle();
}

Handle FixedText(size_t bytes) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  const bool set = type.ok() && H5Tset_size(type.get(), bytes) >= 0 &&
                   H5Tset_strpad(type.get(), H5T_STR_NULLTERM) >= 0 &&
                   H5Tset_cset(type.get(), H5T_CSET_UTF8) >= 0;
  return set ? std::move(type) : Handle();
}

/// H5Fget_file_image clears the superblock's status flags without renewing its checksum (1.10.8),
/// so that no library opens the image. False if this is no superblock of version 3 (HDF5 file
/// format specification 3.0, section II.A: 44 bytes, then their lookup3).
bool RenewSuperblockChecksum(std::string* bytes) {
  constexpr size_t kCheckedBytes = 44;
  constexpr size_t kVersionByte = 8;
  if (bytes->size() < kCheckedBytes + sizeof(uint32_t) || (*bytes)[kVersionByte] != 3) return false;
  const uint32_t checksum = Lookup3(std::string_view(*bytes).substr(0, kCheckedBytes));
  std::memcpy(bytes->data() + kCheckedBytes, &checksum, sizeof(checksum));
  return true;
}

}  // namespace

void FileLabel::ThrowDamaged(const std::string& why) const {
  throw Error(ExitCode::kData, StrCat("damaged file - ", path, ": ", why, " - ", remedy));
}

struct Hdf5Writer::Impl {
  std::string path;
  Handle file;
  std::set<std::string> groups;

  [[noreturn]] void Fail(const std::string& part) const {
    throw Error(ExitCode::kIo, StrCat("cannot build ", path, ": ", part, " - HDF5 says \"",
                                      LastCause(), "\" - free some memory and run again"));
  }
  void Expect(bool ok, const std::string& part) const {
    if (!ok) Fail(part);
  }

  void WriteAttribute(const std::string& name, hid_t type, const void* value) const {
    const Handle scalar(H5Screate(H5S_SCALAR), H5Sclose);
    Handle attribute(
        H5Acreate2(file.get(), name.c_str(), type, scalar.get(), H5P_DEFAULT, H5P_DEFAULT),
        H5Aclose);
    Expect(attribute.ok() && H5Awrite(attribute.get(), type, value) >= 0 && attribute.Close(),
           StrCat("attribute ", name));
  }

  void CreateGroups(const std::string& dataset) {
    for (const std::string& group : Parents(dataset)) {
      if (!groups.insert(group).second) continue;
      const Handle list = GroupCreationList(H5P_GROUP_CREATE);
      Handle created(H5Gcreate2(file.get(), group.c_str(), H5P_DEFAULT, list.get(), H5P_DEFAULT),
                     H5Gclose);
      Expect(created.ok() && created.Close(), StrCat("group ", group));
    }
  }
};

Hdf5Writer::Hdf5Writer(const std::string& path_in_messages) : impl_(std::make_unique<Impl>()) {
  SilenceHdf5();
  impl_->path = path_in_messages;
  const Handle access = MemoryAccess();
  const Handle creation = GroupCreationList(H5P_FILE_CREATE);
  impl_->Expect(access.ok() && creation.ok(), "property lists");
  impl_->Expect(H5Pset_attr_phase_change(creation.get(), kMaxCompactEntries, kMinDenseEntries) >= 0,
                "property lists");
  impl_->file =
      Handle(H5Fcreate(kImageName, H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  impl_->Expect(impl_->file.ok(), "the file");
}

Hdf5Writer::~Hdf5Writer() = default;

void Hdf5Writer::Attribute(const std::string& name, std::string_view text) {
  const std::string terminated(text);
  const Handle type = FixedText(terminated.size() + 1);
  impl_->Expect(type.ok(), StrCat("attribute ", name));
  impl_->WriteAttribute(name, type.get(), terminated.c_str());
}

void Hdf5Writer::Attribute(const std::string& name, int64_t value) {
  impl_->WriteAttribute(name, H5T_STD_I64LE, &value);
}

void Hdf5Writer::WriteArray(const std::string& path, Hdf5Type type, const void* values,
                            size_t count) {
  impl_->CreateGroups(path);
  const TypePair types = TypesOf(type);
  const hsize_t extent = count;
  const Handle list = CreationList(H5P_DATASET_CREATE);
  bool ok = list.ok();
  if (count > 0) {
    const hsize_t chunk = std::min(extent, kChunkElements);
    ok = ok && H5Pset_chunk(list.get(), 1, &chunk) >= 0 && H5Pset_fletcher32(list.get()) >= 0;
  }
  const Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  ok = ok && space.ok();
  Handle dataset;
  if (ok) {
    dataset = Handle(H5Dcreate2(impl_->file.get(), path.c_str(), types.file, space.get(),
                                H5P_DEFAULT, list.get(), H5P_DEFAULT),
                     H5Dclose);
    ok = dataset.ok();
  }
  if (ok && count > 0) {
    ok = H5Dwrite(dataset.get(), types.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
  }
  impl_->Expect(ok && dataset.Close(), StrCat("array ", path));
}

std::string Hdf5Writer::Finish() {
  const hid_t file = impl_->file.get();
  impl_->Expect(H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0, "flush");
  const ssize_t size = H5Fget_file_image(file, nullptr, 0);
  impl_->Expect(size > 0, "size of the image");
  std::string bytes(static_cast<size_t>(size), '\0');
  impl_->Expect(H5Fget_file_image(file, bytes.data(), bytes.size()) == size, "image");
  impl_->Expect(impl_->file.Close(), "close");
  impl_->Expect(RenewSuperblockChecksum(&bytes), "superblock");
  return bytes;
}

struct Hdf5Reader::Impl {
  Handle file;
  size_t file_bytes = 0;
};

namespace {

void ExpectHardLinks(hid_t file, const std::string& path, const FileLabel& label) {
  std::vector<std::string> links = Parents(path);
  links.push_back(path);
  for (const std::string& link : links) {
    H5L_info_t info;
    if (H5Lget_info(file, link.c_str(), &info, H5P_DEFAULT) < 0) {
      label.ThrowDamaged(StrCat("no ", link, " (", LastCause(), ")"));
    }
    if (info.type != H5L_TYPE_HARD) label.ThrowDamaged(StrCat(link, " is not a hard link"));
  }
}

/// Chunked and filtered by Fletcher-32 alone: what Hdf5Writer writes, and nothing that could reach
/// for another file, a plug-in or unchecked bytes.
bool IsCheckedLayout(hid_t dataset) {
  const Handle list(H5Dget_create_plist(dataset), H5Pclose);
  if (!list.ok() || H5Pget_layout(list.get()) != H5D_CHUNKED) return false;
  if (H5Pget_nfilters(list.get()) != 1) return false;
  unsigned flags = 0;
  size_t values = 0;
  return H5Pget_filter2(list.get(), 0, &flags, &values, nullptr, 0, nullptr, nullptr) ==
             H5Z_FILTER_FLETCHER32 &&
         (flags & H5Z_FLAG_OPTIONAL) == 0;
}

Handle OpenArray(hid_t file, const std::string& path, const FileLabel& label) {
  ExpectHardLinks(file, path, label);
  Handle dataset(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) label.ThrowDamaged(StrCat("cannot open ", path, " (", LastCause(), ")"));
  return dataset;
}

}  // namespace

Hdf5Reader::Hdf5Reader(std::string_view bytes, const FileLabel& label)
    : label_(label), impl_(std::make_unique<Impl>()) {
  SilenceHdf5();
  const Handle access = MemoryAccess();
  // HDF5 copies the image; the parameter is not const only because callbacks may take it over.
  const bool set = access.ok() && H5Pset_file_image(access.get(), const_cast<char*>(bytes.data()),
                                                    bytes.size()) >= 0;
  if (set) {
    impl_->file = Handle(H5Fopen(kImageName, H5F_ACC_RDONLY, access.get()), H5Fclose);
  }
  impl_->file_bytes = bytes.size();
  if (!impl_->file.ok()) label_.ThrowDamaged(StrCat("not an HDF5 file (", LastCause(), ")"));
}

Hdf5Reader::~Hdf5Reader() = default;

std::string Hdf5Reader::TextAttribute(const std::string& name) const {
  const Handle attribute(H5Aopen(impl_->file.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(attribute.ok() ? H5Aget_type(attribute.get()) : H5I_INVALID_HID, H5Tclose);
  const Handle space(attribute.ok() ? H5Aget_space(attribute.get()) : H5I_INVALID_HID, H5Sclose);
  const bool is_text = type.ok() && space.ok() && H5Tget_class(type.get()) == H5T_STRING &&
                       H5Tis_variable_str(type.get()) == 0 &&
                       H5Sget_simple_extent_type(space.get()) == H5S_SCALAR;
  const size_t size = is_text ? H5Tget_size(type.get()) : 0;
  if (size == 0 || size > kMaxAttributeBytes) {
    label_.ThrowDamaged(StrCat("no text attribute ", name));
  }
  std::string text(size, '\0');
  const Handle memory = FixedText(size);
  if (!memory.ok() || H5Aread(attribute.get(), memory.get(), text.data()) < 0) {
    label_.ThrowDamaged(StrCat("cannot read attribute ", name, " (", LastCause(), ")"));
  }
  text.resize(text.find('\0') == std::string::npos ? size : text.find('\0'));
  return text;
}

int64_t Hdf5Reader::IntAttribute(const std::string& name) const {
  const Handle attribute(H5Aopen(impl_->file.get(), name.c_str(), H5P_DEFAULT), H5Aclose);
  const Handle type(attribute.ok() ? H5Aget_type(attribute.get()) : H5I_INVALID_HID, H5Tclose);
  const Handle space(attribute.ok() ? H5Aget_space(attribute.get()) : H5I_INVALID_HID, H5Sclose);
  int64_t value = 0;
  const bool read = type.ok() && space.ok() && H5Tequal(type.get(), H5T_STD_I64LE) > 0 &&
                    H5Sget_simple_extent_type(space.get()) == H5S_SCALAR &&
                    H5Aread(attribute.get(), H5T_NATIVE_INT64, &value) >= 0;
  if (!read) label_.ThrowDamaged(StrCat("no int64 attribute ", name));
  return value;
}

size_t Hdf5Reader::ArraySize(const std::string& path, Hdf5Type type) const {
  const Handle dataset = OpenArray(impl_->file.get(), path, label_);
  const Handle stored(H5Dget_type(dataset.get()), H5Tclose);
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const TypePair types = TypesOf(type);
  hsize_t extent = 0;
  const bool fits = stored.ok() && space.ok() && H5Tequal(stored.get(), types.file) > 0 &&
                    H5Sget_simple_extent_type(space.get()) == H5S_SIMPLE &&
                    H5Sget_simple_extent_ndims(space.get()) == 1 &&
                    H5Sget_simple_extent_dims(space.get(), &extent, nullptr) == 1;
  if (!fits) label_.ThrowDamaged(StrCat(path, " has another type or shape"));
  if (extent > impl_->file_bytes / types.bytes) {
    label_.ThrowDamaged(StrCat(path, " claims ", extent, " elements, more than the file holds"));
  }
  if (extent > 0 && !IsCheckedLayout(dataset.get())) {
    label_.ThrowDamaged(StrCat(path, " is not stored in checked chunks"));
  }
  return static_cast<size_t>(extent);
}

void Hdf5Reader::ReadArray(const std::string& path, Hdf5Type type, void* values,
                           size_t count) const {
  if (count == 0) return;
  const Handle dataset = OpenArray(impl_->file.get(), path, label_);
  if (H5Dread(dataset.get(), TypesOf(type).memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    label_.ThrowDamaged(StrCat("cannot read ", path, " (", LastCause(), ")"));
  }
}

}  // namespace retort
