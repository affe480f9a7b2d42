"""The message `aialgs.data.Record` in protobuf's own library, from a descriptor built here."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {"float": _FIELD.TYPE_FLOAT, "double": _FIELD.TYPE_DOUBLE, "int32": _FIELD.TYPE_INT32}


def record_class(packed: bool = True) -> Any:
    """The class of Record; without `packed` its numbers are written one field each."""
    package = f"aialgs.data{'' if packed else '.unpacked'}"
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, scalar in (("Float32Tensor", "float"), ("Float64Tensor", "double"), ("Int32Tensor", "int32")):
        tensor = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(
            (("values", _SCALARS[scalar]), ("keys", _FIELD.TYPE_UINT64), ("shape", _FIELD.TYPE_UINT64)), 1
        ):
            added = tensor.field.add(name=field, number=number, type=kind, label=_FIELD.LABEL_REPEATED)
            added.options.packed = packed
    raw = file.message_type.add(name="Bytes")
    raw.field.add(name="value", number=1, type=_FIELD.TYPE_BYTES, label=_FIELD.LABEL_REPEATED)
    raw.field.add(name="content_type", number=2, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="value")
    for field, number, message in (
        ("float32_tensor", 2, "Float32Tensor"),
        ("float64_tensor", 3, "Float64Tensor"),
        ("int32_tensor", 7, "Int32Tensor"),
        ("bytes", 9, "Bytes"),
    ):
        value.field.add(
            name=field,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".{package}.{message}",
            label=_FIELD.LABEL_OPTIONAL,
            oneof_index=0,
        )
    record = file.message_type.add(name="Record")
    for field, number in (("features", 1), ("label", 2)):
        entry = record.nested_type.add(name=f"{field.capitalize()}Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
        entry.field.add(
            name="value",
            number=2,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".{package}.Value",
            label=_FIELD.LABEL_OPTIONAL,
        )
        record.field.add(
            name=field,
            number=number,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".{package}.Record.{entry.name}",
            label=_FIELD.LABEL_REPEATED,
        )
    for field, number in (("uid", 3), ("metadata", 4), ("configuration", 5)):
        record.field.add(name=field, number=number, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Record"))


def frame(record: bytes) -> bytes:
    """The RecordIO frame around a message."""
    return bytes.fromhex("0a23d7ce") + len(record).to_bytes(4, "little") + record + bytes(-len(record) % 4)
