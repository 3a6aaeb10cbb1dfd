package dev.braid.report;

import dev.braid.Shown;
import java.io.StringWriter;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** An element of a page under construction. Text and attributes may hold anything: the JDK's XML writer escapes them. */
final class Html {
    /** Characters that the writer rejects and no browser shows. */
    private static final Pattern LONE_SURROGATE =
            Pattern.compile("[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]");

    private final Element element;

    private Html(Element element) {
        this.element = element;
    }

    /** The root of a new page. */
    static Html page() {
        try {
            Document document = DocumentBuilderFactory.newDefaultInstance()
                    .newDocumentBuilder()
                    .newDocument();
            Element root = document.createElement("html");
            document.appendChild(root);
            return new Html(root).with("lang", "en");
        } catch (ParserConfigurationException e) {
            throw new IllegalStateException("every Java can build a document", e);
        }
    }

    private Document document() {
        return element.getOwnerDocument();
    }

    /** A new element at the end of this one. */
    Html add(String tag) {
        Element child = document().createElement(tag);
        element.appendChild(child);
        return new Html(child);
    }

    /** A new element with this text at the end of this one. */
    Html add(String tag, String text) {
        return add(tag).text(text);
    }

    /** Sets an attribute. */
    Html with(String attribute, String value) {
        element.setAttribute(attribute, safe(value));
        return this;
    }

    /** Adds text: control characters become visible, passwords are masked. */
    Html text(String text) {
        element.appendChild(document().createTextNode(safe(text)));
        return this;
    }

    /** Adds the page's own script or style text, unescaped. */
    Html raw(String text) {
        if (text.contains("</")) {
            throw new IllegalArgumentException("a script or style that would end early");
        }
        element.appendChild(document().createTextNode(writable(text)));
        return this;
    }

    private static String safe(String text) {
        return writable(Shown.onOneLine(Shown.withoutSecrets(text)));
    }

    private static String writable(String text) {
        return LONE_SURROGATE.matcher(text).replaceAll("\ufffd");
    }

    /** The whole document. It declares UTF-8, so it must be written in UTF-8. */
    @Override
    public String toString() {
        try {
            Transformer writer = TransformerFactory.newDefaultInstance().newTransformer();
            writer.setOutputProperty(OutputKeys.METHOD, "html");
            writer.setOutputProperty(OutputKeys.ENCODING, "UTF-8");
            writer.setOutputProperty(OutputKeys.INDENT, "no");
            writer.setOutputProperty(OutputKeys.DOCTYPE_SYSTEM, "about:legacy-compat");
            StringWriter text = new StringWriter();
            Node all = document();
            writer.transform(new DOMSource(all), new StreamResult(text));
            return text.toString();
        } catch (TransformerException e) {
            throw new IllegalStateException("every Java can write a document", e);
        }
    }
}
