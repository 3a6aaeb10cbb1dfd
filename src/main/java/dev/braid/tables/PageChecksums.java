package dev.braid.tables;

import dev.braid.Shown;
import dev.braid.storage.Footers;
import dev.braid.storage.StorageCalls;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.parquet.format.Util;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells whether the pages of Parquet files have checksums. Without them, damaged numbers cannot be recognised. */
final class PageChecksums {
    private static final Logger log = LoggerFactory.getLogger(PageChecksums.class);

    /** The most files of a table that are examined, with one small read each. */
    private static final int SAMPLE = 20;
    /** Bytes to read at once, usually more than the header of a page. */
    private static final int HEADER_BYTES = 1024;

    private PageChecksums() {}

    /** A page of a file, with the offset where it begins. */
    private record Page(FileStatus file, long offset) {}

    /** Logs one warning if files of a table lack checksums. */
    static void warnOfMissing(String table, List<FileStatus> files, Footers.All footers, Configuration hadoop)
            throws IOException {
        List<Page> pages = IntStream.range(0, files.size())
                .mapToObj(f -> new Page(files.get(f), footers.footers().get(f).page()))
                .filter(page -> page.offset() >= 0)
                .toList();
        int looked = Math.min(SAMPLE, pages.size());
        List<Page> sample = IntStream.range(0, looked)
                .mapToObj(s -> pages.get((int) ((long) s * pages.size() / looked)))
                .toList();
        long missing = StorageCalls.all(sample, page -> hasNone(page, hadoop)).stream()
                .filter(none -> none)
                .count();
        if (missing > 0) {
            log.warn(
                    "Table '{}': {} of {} files that were looked at have no page checksums, so damage in their data cannot"
                            + " be seen; write them with checksums (pyarrow: write_page_checksum=True)",
                    Shown.of(table),
                    missing,
                    looked);
        }
    }

    private static boolean hasNone(Page page, Configuration hadoop) {
        try (FSDataInputStream file =
                page.file().getPath().getFileSystem(hadoop).open(page.file().getPath())) {
            file.seek(page.offset());
            InputStream header = new BufferedInputStream(file, HEADER_BYTES);
            return !Util.readPageHeader(header).isSetCrc();
        } catch (IOException | RuntimeException unreadable) { // the scan will report it
            log.debug("Cannot read a page header of '{}'", page.file().getPath(), unreadable);
            return false;
        }
    }
}
