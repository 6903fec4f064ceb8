import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.lucene.analysis.TokenFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.core.WhitespaceAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tokenattributes.PositionIncrementAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.CustomQueryHandler;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultiMatchingQueries;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.QueryTree;
import org.apache.lucene.monitor.TermFilteredPresearcher;
import org.apache.lucene.monitor.TermWeightor;
import org.apache.lucene.queries.spans.SpanNearQuery;
import org.apache.lucene.queries.spans.SpanOrQuery;
import org.apache.lucene.queries.spans.SpanQuery;
import org.apache.lucene.queries.spans.SpanTermQuery;
import org.apache.lucene.search.BooleanClause.Occur;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.PhraseQuery;
import org.apache.lucene.search.PrefixQuery;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.TermQuery;

/**
 * Rules against texts by Lucene Monitor, as a peer of peil's matcher.
 *
 * <pre>Percolate RULES TEXTS SECONDS CHECKED MATCHES BATCH...</pre>
 *
 * A line of RULES is a shape and its lists of words, separated by tabs; the words of a list by
 * spaces. A line of TEXTS is a text, its words separated by spaces. The matches of the first
 * CHECKED texts are written to MATCHES, a text's and a rule's number a line. For each BATCH size a
 * line is printed: the size and the texts per CPU second of the matching thread.
 */
public final class Percolate {
    private static final String FIELD = "text";
    private static final int STEM = 4;
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    public static void main(String[] words) throws Exception {
        List<String> rules = Files.readAllLines(Path.of(words[0]));
        List<String> texts = Files.readAllLines(Path.of(words[1]));
        double seconds = Double.parseDouble(words[2]);
        MonitorConfiguration plain = new MonitorConfiguration();
        TermFilteredPresearcher presearcher =
                new TermFilteredPresearcher(
                        TermWeightor.DEFAULT, List.of(new Prefixes()), Set.of());
        try (Monitor monitor = new Monitor(new WhitespaceAnalyzer(), presearcher, plain)) {
            List<MonitorQuery> queries = new ArrayList<>();
            for (int number = 0; number < rules.size(); number++) {
                queries.add(new MonitorQuery(Integer.toString(number), query(rules.get(number))));
            }
            monitor.register(queries);
            write(monitor, texts.subList(0, Integer.parseInt(words[3])), Path.of(words[4]));
            for (int place = 5; place < words.length; place++) {
                int size = Integer.parseInt(words[place]);
                rate(monitor, texts, size, 2 * seconds); // so that it is compiled
                System.out.printf("%d %.0f%n", size, rate(monitor, texts, size, seconds));
            }
        }
    }

    private static void write(Monitor monitor, List<String> texts, Path path) throws IOException {
        try (PrintWriter out = new PrintWriter(Files.newBufferedWriter(path))) {
            for (int number = 0; number < texts.size(); number++) {
                var found = monitor.match(document(texts.get(number)), QueryMatch.SIMPLE_MATCHER);
                for (QueryMatch match : found.getMatches()) {
                    out.println(number + " " + match.getQueryId());
                }
            }
        }
    }

    private static double rate(Monitor monitor, List<String> texts, int size, double seconds)
            throws IOException {
        long begun = THREADS.getCurrentThreadCpuTime();
        long done = 0;
        int next = 0;
        while (THREADS.getCurrentThreadCpuTime() - begun < seconds * 1e9) {
            Document[] batch = new Document[size];
            for (int place = 0; place < size; place++) {
                batch[place] = document(texts.get(next));
                next = (next + 1) % texts.size();
            }
            if (size == 1) {
                monitor.match(batch[0], QueryMatch.SIMPLE_MATCHER).getMatchCount();
            } else {
                MultiMatchingQueries<QueryMatch> found =
                        monitor.match(batch, QueryMatch.SIMPLE_MATCHER);
                for (int place = 0; place < size; place++) {
                    found.getMatchCount(place);
                }
            }
            done += size;
        }
        return done / ((THREADS.getCurrentThreadCpuTime() - begun) / 1e9);
    }

    private static Document document(String text) {
        Document document = new Document();
        document.add(new TextField(FIELD, text, Field.Store.NO));
        return document;
    }

    private static Query query(String line) {
        String[] parts = line.split("\t");
        String[] first = parts[1].split(" ");
        String[] second = parts.length > 2 ? parts[2].split(" ") : new String[0];
        switch (parts[0]) {
            case "list":
                return anyOf(first);
            case "both":
                return new BooleanQuery.Builder()
                        .add(anyOf(first), Occur.MUST)
                        .add(anyOf(second), Occur.MUST)
                        .build();
            case "without":
                return new BooleanQuery.Builder()
                        .add(anyOf(first), Occur.MUST)
                        .add(anyOf(second), Occur.MUST_NOT)
                        .build();
            case "phrase":
                return new PhraseQuery(FIELD, first);
            case "prefixes":
                BooleanQuery.Builder prefixes = new BooleanQuery.Builder();
                for (String stem : first) {
                    prefixes.add(new PrefixQuery(new Term(FIELD, stem)), Occur.SHOULD);
                }
                return prefixes.build();
            case "near":
                int distance = Integer.parseInt(parts[3]);
                SpanQuery[] sides = {spansOf(first), spansOf(second)};
                return new SpanNearQuery(sides, distance, false);
            default:
                throw new IllegalArgumentException(line);
        }
    }

    private static Query anyOf(String[] words) {
        BooleanQuery.Builder all = new BooleanQuery.Builder();
        for (String word : words) {
            all.add(new TermQuery(new Term(FIELD, word)), Occur.SHOULD);
        }
        return all.build();
    }

    private static SpanQuery spansOf(String[] words) {
        SpanQuery[] all = new SpanQuery[words.length];
        for (int place = 0; place < words.length; place++) {
            all[place] = new SpanTermQuery(new Term(FIELD, words[place]));
        }
        return new SpanOrQuery(all);
    }

    /** Finds prefixes by the first letters of every word; without it each text tries them all. */
    private static final class Prefixes implements CustomQueryHandler {
        private static final char MARK = '\uE000';

        @Override
        public QueryTree handleQuery(Query query, TermWeightor weightor) {
            if (!(query instanceof PrefixQuery)) {
                return null;
            }
            String stem = ((PrefixQuery) query).getPrefix().text();
            return QueryTree.term(new Term(FIELD, head(stem)), 1.0);
        }

        private static String head(String word) {
            return word.substring(0, word.offsetByCodePoints(0, STEM)) + MARK;
        }

        @Override
        public TokenStream wrapTermStream(String field, TokenStream words) {
            return new TokenFilter(words) {
                private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
                private final PositionIncrementAttribute step =
                        addAttribute(PositionIncrementAttribute.class);
                private String waiting;

                @Override
                public boolean incrementToken() throws IOException {
                    if (waiting != null) {
                        term.setEmpty().append(waiting);
                        step.setPositionIncrement(0);
                        waiting = null;
                        return true;
                    }
                    if (!input.incrementToken()) {
                        return false;
                    }
                    String word = term.toString();
                    if (word.codePointCount(0, word.length()) >= STEM) {
                        waiting = head(word);
                    }
                    return true;
                }
            };
        }
    }
}
