"""The files of other programs that the commands of README and docs/formats.md are done with."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from tests.formats.test_importers_contract import apple

RR: Final = [800 + 40 * (beat % 9) for beat in range(200)]


def downloads(folder: Path) -> None:
    """Write the files into a folder."""
    (folder / "morning.txt").write_text("".join(f"{value}\n" for value in RR))
    (folder / "samples.txt").write_text("".join(f"{round(value * 0.256)}\n" for value in RR))
    (folder / "old_strap.txt").write_text("".join(f"{round(value * 1.024)}\n" for value in RR))
    (folder / "strange.csv").write_text("".join(f"beat {value};mine;0x{value:x}\n" for value in RR))
    (folder / "downloads").mkdir()
    (folder / "downloads" / "evening.csv").write_text("rr;note\n" + "".join(f"{value};\n" for value in RR))
    with zipfile.ZipFile(folder / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export.xml", apple())
        archive.writestr("apple_health_export/export_cda.xml", '<?xml version="1.0"?><ClinicalDocument/>')
        archive.writestr("apple_health_export/workout-routes/route.gpx", '<?xml version="1.0"?><gpx/>')
