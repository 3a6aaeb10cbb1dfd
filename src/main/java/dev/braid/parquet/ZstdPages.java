package dev.braid.parquet;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdCompressCtx;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.codec.ZstandardCodec;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/**
 * Compresses each page with one call of Zstandard, at the level that is set for parquet-java. parquet-java's own compressor
 * passes a page through a stream in pieces, which takes a sixth more time for the same bytes.
 */
@SuppressWarnings("deprecation") // parquet-java 1.13 of Spark 3.5 has only the deprecated compressor
final class ZstdPages extends CodecFactory.BytesCompressor {
    private final ZstdCompressCtx zstd = new ZstdCompressCtx();
    private byte[] compressed = new byte[0];

    ZstdPages(Configuration hadoop) {
        zstd.setLevel(hadoop.getInt(
                ZstandardCodec.PARQUET_COMPRESS_ZSTD_LEVEL, ZstandardCodec.DEFAULT_PARQUET_COMPRESS_ZSTD_LEVEL));
    }

    /** Whether the settings ask for Zstandard without worker threads. */
    static boolean fit(CompressionCodecName codec, Configuration hadoop) {
        return codec == CompressionCodecName.ZSTD
                && hadoop.getInt(
                                ZstandardCodec.PARQUET_COMPRESS_ZSTD_WORKERS,
                                ZstandardCodec.DEFAULTPARQUET_COMPRESS_ZSTD_WORKERS)
                        == 0;
    }

    /** The compressed page, valid until the next one. */
    @Override
    public BytesInput compress(BytesInput bytes) throws IOException {
        ByteBuffer page = bytes.toByteBuffer(); // a view if the page is in one array
        int most = Math.toIntExact(Zstd.compressBound(page.remaining()));
        if (compressed.length < most) {
            compressed = new byte[most];
        }
        int size = zstd.compressByteArray(
                compressed, 0, most, page.array(), page.arrayOffset() + page.position(), page.remaining());
        return BytesInput.from(compressed, 0, size);
    }

    @Override
    public CompressionCodecName getCodecName() {
        return CompressionCodecName.ZSTD;
    }

    @Override
    public void release() {
        zstd.close();
    }
}
