"""Lists the parts of target/braid.jar in its META-INF/sbom/braid.cdx.json (CycloneDX) and META-INF/THIRD-PARTY.txt.

.ci/sbom.py           checks both files, in src/main/resources and in the jar, against the jar and the libraries in it
.ci/sbom.py --write   writes them; build again then

Needs a built jar and Maven's local repository, and no network. The files are the same for the same jar.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
JAR = HOME / "target/braid.jar"
RESOURCES = HOME / "src/main/resources"
SBOM = "META-INF/sbom/braid.cdx.json"
NOTICES = "META-INF/THIRD-PARTY.txt"
LICENSES = "META-INF/licenses/"

GPL_OR_APACHE = "Apache-2.0 OR GPL-2.0-or-later WITH Classpath-exception-2.0"
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"

# By the beginning of a component's "group:name". Any other component stops the script: somebody must check its licence.
LICENSE = {
    "org.nd4j:": "Apache-2.0",
    "org.bytedeco:": GPL_OR_APACHE,
    "info.picocli:": "Apache-2.0",
    "com.jakewharton.byteunits:": "Apache-2.0",
    "net.ericaro:": "Apache-2.0",
    "com.google.code.findbugs:jsr305": "Apache-2.0",
    "com.google.errorprone:": "Apache-2.0",
    "com.google.guava:": "Apache-2.0",
    "com.google.j2objc:": "Apache-2.0",
    "com.google.protobuf:": "BSD-3-Clause",
    "com.fasterxml.jackson.": "Apache-2.0",
    "com.fasterxml.woodstox:": "Apache-2.0",
    "org.codehaus.woodstox:stax2-api": "BSD-2-Clause",
    "org.yaml:snakeyaml": "Apache-2.0",
    "org.webjars.npm:d3": "ISC",
}

# What the libraries of the native jars are, by file name: component, licence, origin. Those that begin with libjni are the
# artifact's own.
NATIVE = {
    "libnd4jcpu.so": ("libnd4j", "Apache-2.0", "https://github.com/deeplearning4j/deeplearning4j"),
    "libopenblas.so.0": ("OpenBLAS, with LAPACK", "BSD-3-Clause", "https://github.com/OpenMathLib/OpenBLAS"),
    "libdnnl.so.3": ("oneDNN", "Apache-2.0", "https://github.com/uxlfoundation/oneDNN"),
    "libOpenCL.so.1": ("OpenCL-ICD-Loader", "Apache-2.0", "https://github.com/KhronosGroup/OpenCL-ICD-Loader"),
    "libgomp.so.1": ("libgomp", GCC, "https://gcc.gnu.org"),
    "libgcc_s.so.1": ("libgcc", GCC, "https://gcc.gnu.org"),
    "libgfortran.so.5": ("libgfortran", GCC, "https://gcc.gnu.org"),
    "libquadmath.so.0": ("libquadmath", "LGPL-2.1-or-later", "https://gcc.gnu.org"),
}

# Generated from the interface definitions of other projects, by where their classes are.
GENERATED = {
    "org/tensorflow/": ("TensorFlow protocol definitions", "Apache-2.0", "https://github.com/tensorflow/tensorflow"),
    "tensorflow/": ("TensorFlow protocol definitions", "Apache-2.0", "https://github.com/tensorflow/tensorflow"),
    "onnx/": ("ONNX protocol definitions", "Apache-2.0", "https://github.com/onnx/onnx"),
}


def license_of(group, name):
    found = [license for prefix, license in LICENSE.items() if f"{group}:{name}".startswith(prefix)]
    if len(found) != 1:
        sys.exit(f"Cannot tell the licence of {group}:{name}: expected a line in LICENSE of .ci/sbom.py, got {len(found)}")
    return found[0]


def artifacts():
    """What Maven puts into the jar: (group, name, version, classifier, file) of each that has more to give than its own POM."""
    with zipfile.ZipFile(JAR) as jar:
        names = [entry for entry in jar.namelist() if not entry.endswith("/")]
        carried = {entry for entry in names if not entry.startswith("META-INF/") or entry.startswith("META-INF/resources/")}
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch, "list")
        maven = subprocess.run(
            ["mvn", "-B", "-ntp", "-q", "dependency:list", "-DincludeScope=runtime", "-DoutputAbsoluteArtifactFilename=true",
             f"-DoutputFile={listed}"],
            cwd=HOME, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if maven.returncode != 0:
            sys.exit(f"Cannot list the libraries of the jar: {maven.stdout}{maven.stderr}")
        found = []
        for line in listed.read_text().splitlines():
            parts = line.strip().split(" -- ")[0].split(":")
            if len(parts) < 6:
                continue
            group, name, _type, *classifier, version, _scope, path = parts
            file = Path(path.strip())
            with zipfile.ZipFile(file) as archive:
                if carried & set(archive.namelist()):
                    found.append((group, name, version, "".join(classifier), file))
        return sorted(found)


def component(group, name, version, classifier="", **more):
    purl = f"pkg:maven/{group}/{name}@{version}" + (f"?classifier={classifier}&type=jar" if classifier else "?type=jar")
    return {
        "type": "library",
        "bom-ref": purl,
        "group": group,
        "name": name,
        "version": version,
        "licenses": [{"expression": license_of(group, name)}],
        "purl": purl,
        **more,
    }


def carried(parent, what, found):
    """A component that has no coordinates of its own."""
    name, license, origin = found
    return {
        "type": "library",
        "bom-ref": f"{parent}#{what}",
        "name": name,
        "description": what,
        "licenses": [{"expression": license}],
        "externalReferences": [{"type": "website", "url": origin}],
    }


def inside(ref, group, name, archive):
    """The components within an artifact: libraries shaded into it, native ones, generated code."""
    nested = []
    for entry in sorted(archive.namelist()):
        parts = entry.split("/")
        if entry.startswith("META-INF/maven/") and entry.endswith("/pom.properties") and parts[2:4] != [group, name]:
            lines = archive.read(entry).decode().splitlines()
            version = next(line.split("=", 1)[1].strip() for line in lines if line.startswith("version="))
            other = component(parts[2], parts[3], version)
            nested.append({**other, "bom-ref": f"{ref}#{other['purl']}"})
        elif ".so" in parts[-1] and not parts[-1].startswith("libjni"):
            if parts[-1] not in NATIVE:
                sys.exit(f"Cannot tell what {entry} is: expected a line in NATIVE of .ci/sbom.py, got none")
            nested.append(carried(ref, entry, NATIVE[parts[-1]]))
    for place, found in GENERATED.items():
        if any(entry.startswith(place) and entry.endswith(".class") for entry in archive.namelist()):
            nested.append(carried(ref, place, found))
    return nested


def is_notice(entry):
    """Whether a file is what the Apache licence asks to pass on."""
    return entry.upper() in ("META-INF/NOTICE", "META-INF/NOTICE.TXT", "META-INF/NOTICE.MD", "NOTICE", "NOTICE.TXT")


def bom(found):
    with zipfile.ZipFile(JAR) as jar:
        own = dict(
            line.split("=", 1) for line in jar.read("META-INF/maven/dev.braid/braid/pom.properties").decode().split() if "=" in line
        )
    ref = f"pkg:maven/dev.braid/braid@{own['version']}?type=jar"
    components = []
    for group, name, version, classifier, file in found:
        made = component(group, name, version, classifier)
        made["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]
        with zipfile.ZipFile(file) as archive:
            nested = inside(made["bom-ref"], group, name, archive)
            text = "".join(archive.read(entry).decode() for entry in sorted(archive.namelist()) if is_notice(entry))
        if text:
            made["copyright"] = text.strip()
        if nested:
            made["components"] = nested
        components.append(made)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ref,
                "group": "dev.braid",
                "name": "braid",
                "version": own["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "purl": ref,
            }
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": [made["bom-ref"] for made in components]}],
    }


def notices(made):
    """The components as text, with where the texts of their licences are."""
    lines = [
        "Braid's jar contains these libraries. Each is followed by its licence and, indented, by what it contains itself. The texts",
        f"of the licences are in {LICENSES}; classes of some libraries are under other package names (org.nd4j.shade).",
        "",
        "The sources of the libraries of the GNU Compiler Collection are at https://gcc.gnu.org. Of 'Apache-2.0 OR",
        "GPL-2.0-or-later WITH Classpath-exception-2.0', Braid chooses Apache-2.0.",
        "",
    ]

    def describe(part, indent):
        group = part.get("group", "")
        title = f"{group}:{part['name']} {part['version']}" if group else f"{part['name']} ({part['description']})"
        classifier = part.get("purl", "").partition("?classifier=")[2].partition("&")[0]
        lines.append(f"{indent}{title}{f' ({classifier})' if classifier else ''}: {part['licenses'][0]['expression']}")
        for nested in part.get("components", []):
            describe(nested, indent + "    ")

    for part in made["components"]:
        describe(part, "")
    for part in made["components"]:
        if "copyright" in part:
            lines += ["", f"The notice of {part['group']}:{part['name']}:", "", *part["copyright"].splitlines()]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def flat(components):
    for part in components:
        yield part
        yield from flat(part.get("components", []))


def problems(made, files, found):
    with zipfile.ZipFile(JAR) as jar:
        entries = set(jar.namelist())
        for name, text in files.items():
            source = RESOURCES / name
            if not source.exists() or source.read_text() != text:
                yield f"{source.relative_to(HOME)} is not that of the jar; run .ci/sbom.py --write, and build again"
            if name not in entries or jar.read(name).decode() != text:
                yield f"{name} in {JAR.name} is another; run .ci/sbom.py --write, and build again"
        coordinates = {f"{part['group']}:{part['name']}:{part['version']}" for part in flat(made["components"]) if "group" in part}
        for entry in sorted(entries):
            if entry.startswith("META-INF/maven/") and entry.endswith("/pom.properties"):
                values = dict(line.split("=", 1) for line in jar.read(entry).decode().split() if "=" in line)
                coordinate = f"{values['groupId']}:{values['artifactId']}:{values['version']}"
                if values["groupId"] != "dev.braid" and coordinate not in coordinates:
                    yield f"{coordinate} is in the jar ({entry}) and not in the bill of materials"
    known = {str(path.relative_to(HOME / "target/classes")) for path in (HOME / "target/classes").rglob("*.class")}
    for *_coordinates, file in found:
        with zipfile.ZipFile(file) as archive:
            known |= set(archive.namelist())
    code = [entry for entry in entries if entry.endswith(".class") or ".so" in entry.rpartition("/")[2]]
    for entry in sorted(code):
        if entry not in known:
            yield f"{entry} is in the jar, and in no library of the bill of materials"
    used = {word for part in flat(made["components"]) for word in part["licenses"][0]["expression"].split() if word[0].isupper()}
    texts = {entry.removeprefix(LICENSES).removesuffix(".txt") for entry in entries if entry.startswith(LICENSES)}
    for license in sorted(used - {"OR", "WITH", "GPL-2.0-or-later", "Classpath-exception-2.0"}):
        if license.removesuffix("-or-later") not in texts:
            yield f"{LICENSES}{license.removesuffix('-or-later')}.txt is not in the jar"
    print(f"{len(list(flat(made['components'])))} components, {len(code)} classes and native libraries")


def main():
    found = artifacts()
    made = bom(found)
    files = {SBOM: json.dumps(made, indent=1) + "\n", NOTICES: notices(made)}
    if sys.argv[1:] == ["--write"]:
        for name, text in files.items():
            (RESOURCES / name).write_text(text)
        return
    wrong = list(problems(made, files, found))
    for problem in wrong[:20]:
        print(f"WRONG {problem}")
    print(f"{0 if wrong else 1} passed, {len(wrong)} failed")
    sys.exit(1 if wrong else 0)


main()
