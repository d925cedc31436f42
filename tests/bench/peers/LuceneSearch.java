import io.anserini.search.SimpleSearcher;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.charset.StandardCharsets;

/**
 * Answers one line, "limit words ...", at a time: nanoseconds of the processor, then the
 * identifiers, best first.
 */
public class LuceneSearch {
  public static void main(String[] arguments) throws Exception {
    SimpleSearcher searcher = new SimpleSearcher(arguments[0]);
    ThreadMXBean clock = ManagementFactory.getThreadMXBean();
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String[] limitAndWords = line.split(" ", 2);
      long started = clock.getCurrentThreadCpuTime();
      SimpleSearcher.Result[] found =
          searcher.search(limitAndWords[1], Integer.parseInt(limitAndWords[0]));
      StringBuilder answer = new StringBuilder();
      answer.append(clock.getCurrentThreadCpuTime() - started);
      for (SimpleSearcher.Result one : found) {
        answer.append(' ').append(one.docid);
      }
      System.out.println(answer);
    }
  }
}
