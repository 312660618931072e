using System.Text;
using CsCheck;
using Sgl.Batch.Internal;

namespace Sgl.Batch.Tests.Internal;

public sealed class LineReaderTests
{
    private const int Longest = 40;

    [Fact]
    public void Lines_AnyText_AreThoseBetweenLineFeeds()
    {
        Gen.OneOf(Gen.Const("a"), Gen.Const("bc"), Gen.Const("\n"), Gen.Const("0123456789abcdef")).Array[0, 60].Sample(parts =>
        {
            var text = string.Concat(parts);
            var expected = text.Split('\n').ToList();
            if (expected[^1].Length == 0)
            {
                expected.RemoveAt(expected.Count - 1);
            }

            var (at, number) = (0L, 0);
            foreach (var (line, wanted) in new LineReader(new MemoryStream(Encoding.UTF8.GetBytes(text)), Longest).Lines().Zip(expected, (l, e) => (Copy(l), e)))
            {
                Assert.Equal(wanted.Length > Longest ? null : wanted, line.Text);
                Assert.Equal((++number, at + wanted.Length + (line.IsWhole ? 1 : 0)), (line.Number, line.End));
                at = line.End;
            }

            Assert.Equal((expected.Count, (long)text.Length), (number, at));
        });
    }

    private static (int Number, string? Text, long End, bool IsWhole) Copy(FileLine line) =>
        (line.Number, line.Bytes is { } bytes ? Encoding.UTF8.GetString(bytes.Span) : null, line.End, line.IsWhole);
}
