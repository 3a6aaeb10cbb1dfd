package dev.braid.decode;

import dev.braid.batch.Bytes;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * Recognises binary values that hold a file instead of bare numbers. The signatures are long enough that numbers do not
 * form one by chance: NumPy's format (numpy.lib.format), ZIP's local file header, and pickle's protocol byte with what
 * Python writes after it (PEP 3154: protocol 4 and later begin with a frame, earlier ones with a global's name).
 */
final class ForeignFormat {
    /** Bytes that are examined. */
    static final int HEAD = 12;

    private static final byte[] NPY = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    private static final byte[] ZIP = {'P', 'K', 3, 4};
    private static final int PICKLE = 0x80;
    private static final int FRAME = 0x95;

    private ForeignFormat() {}

    /**
     * What the bytes are, with its article; empty if they are no known format.
     *
     * @param length the number of bytes
     */
    static Optional<String> of(Bytes bytes, int length) {
        byte[] head = new byte[HEAD];
        bytes.copy(0, Math.min(HEAD, length), head);
        if (length < HEAD) {
            return Optional.empty();
        }
        if (startsWith(head, NPY)) {
            return Optional.of("an .npy file");
        }
        if (startsWith(head, ZIP)) {
            return Optional.of("a zip file (.npz or torch.save)");
        }
        return isPickle(head, length) ? Optional.of("a pickle") : Optional.empty();
    }

    private static boolean startsWith(byte[] head, byte[] signature) {
        return ByteBuffer.wrap(head, 0, signature.length).equals(ByteBuffer.wrap(signature));
    }

    private static boolean isPickle(byte[] head, int length) {
        int protocol = head[1];
        if ((head[0] & 0xff) != PICKLE || protocol < 2 || protocol > 5) {
            return false;
        }
        if (protocol >= 4) {
            long frame = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN).getLong(3);
            return (head[2] & 0xff) == FRAME && frame > 0 && frame <= length - 11;
        }
        String name = new String(head, 3, HEAD - 3, StandardCharsets.ISO_8859_1);
        return (head[2] == 'c' && name.matches("[A-Za-z_][A-Za-z_0-9.\n]*"))
                || ((head[2] == ']' || head[2] == '}') && head[3] == 'q' && head[4] == 0);
    }
}
