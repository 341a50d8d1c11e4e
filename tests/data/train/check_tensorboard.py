"""Reads an event folder with PyPI tensorboard, or prints the golden bytes of tensorboard_test.cc.

Checked with tensorboard 2.21.0.
  python check_tensorboard.py FOLDER     every scalar tag with its count, first and last value
  python check_tensorboard.py --goldens  hex of the two frames, by tensorboard's own writer
"""

import io
import sys


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    events = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    assert tags, f"{folder}: no scalars"
    for tag in tags:
        values = events.Scalars(tag)
        print(f"{tag}: {len(values)} values, step {values[0].step} = {values[0].value:.6g}, "
              f"step {values[-1].step} = {values[-1].value:.6g}")


def goldens():
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    value = summary_pb2.Summary.Value(tag="train/loss", simple_value=0.75)
    for event in (event_pb2.Event(wall_time=1763780000.5, file_version="brain.Event:2"),
                  event_pb2.Event(wall_time=1763780000.5, step=300,
                                  summary=summary_pb2.Summary(value=[value]))):
        out = io.BytesIO()
        RecordWriter(out).write(event.SerializeToString())
        print(out.getvalue().hex())


if __name__ == "__main__":
    goldens() if sys.argv[1] == "--goldens" else scalars(sys.argv[1])
