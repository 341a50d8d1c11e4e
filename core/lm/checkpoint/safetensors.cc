#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/base/commit.h"
#include "core/base/error.h"
#include "core/lm/checkpoint/checkpoint.h"
#include "core/lm/checkpoint/safetensors_header.h"

namespace retort {
namespace {

constexpr uint64_t kLengthBytes = 8;

struct DtypeName {
  const char* name;
  at::ScalarType type;
};
constexpr DtypeName kDtypes[] = {{"F32", at::kFloat},  {"F16", at::kHalf}, {"BF16", at::kBFloat16},
                                 {"F64", at::kDouble}, {"I64", at::kLong}, {"I32", at::kInt},
                                 {"U8", at::kByte}};

at::ScalarType TypeOf(const std::string& name) {
  for (const DtypeName& dtype : kDtypes) {
    if (name == dtype.name) return dtype.type;
  }
  throw Error(ExitCode::kInternal, StrCat("no tensor type for safetensors ", name));
}

const char* NameOf(at::ScalarType type) {
  for (const DtypeName& dtype : kDtypes) {
    if (type == dtype.type) return dtype.name;
  }
  throw Error(ExitCode::kInternal, StrCat("cannot save a tensor of type ", at::toString(type),
                                          " as safetensors - convert it first"));
}

at::Tensor CopyTensor(const SafetensorsEntry& entry) {
  at::Tensor tensor = at::empty(entry.shape, TypeOf(entry.dtype));
  if (tensor.numel() > 0) {
    std::memcpy(tensor.mutable_data_ptr(), entry.bytes.data(), entry.bytes.size());
  }
  return tensor;
}

/// Widest elements first, as the reference writer does, so that every tensor lies aligned.
std::vector<std::pair<std::string, at::Tensor>> WritingOrder(
    const std::map<std::string, at::Tensor>& tensors) {
  std::vector<std::pair<std::string, at::Tensor>> order;
  for (const auto& [name, tensor] : tensors) {
    order.emplace_back(name, tensor.detach().to(at::kCPU).contiguous());
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.element_size() > b.second.element_size();
  });
  return order;
}

std::string LittleEndian(uint64_t value) {
  std::string bytes(kLengthBytes, '\0');
  for (size_t i = 0; i < kLengthBytes; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

}  // namespace

std::map<std::string, at::Tensor> ReadSafetensors(const Env& env, const std::string& path,
                                                  std::map<std::string, std::string>* metadata) {
  const std::string bytes = env.ReadFile(path);
  SafetensorsFile file = ParseSafetensors(bytes, path);
  std::map<std::string, at::Tensor> tensors;
  for (const SafetensorsEntry& entry : file.tensors) tensors.emplace(entry.name, CopyTensor(entry));
  if (metadata != nullptr) {
    for (auto& [key, text] : file.metadata) (*metadata)[key] = std::move(text);
  }
  return tensors;
}

void WriteSafetensors(Env& env, const std::string& path,
                      const std::map<std::string, at::Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  const auto order = WritingOrder(tensors);
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t end = 0;
  for (const auto& [name, tensor] : order) {
    const uint64_t begin = end;
    end += tensor.nbytes();
    header[name] = {{"dtype", NameOf(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {begin, end}}};
  }
  std::string text = DumpJson(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes = LittleEndian(text.size()) + text;
  bytes.reserve(bytes.size() + static_cast<size_t>(end));
  for (const auto& [name, tensor] : order) {
    bytes.append(static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes());
  }
  WriteFileAtomically(env, path, bytes);
}

}  // namespace retort
