namespace Sgl.EngineBridge;

/// <summary>An engine's bytes, up to a bound.</summary>
/// <param name="inner">Where they come from.</param>
/// <param name="mostInLine">Most bytes without a line break.</param>
/// <param name="most">Most bytes at all.</param>
/// <param name="isCut">What is beyond the bounds is left away; else it is an error.</param>
internal sealed class BoundedStream(Stream inner, int mostInLine, long most, bool isCut) : WatchedStream(inner)
{
    private long _all;
    private long _line;
    private bool _ended;

    protected override bool IsOver() => _ended;

    protected override int Take(ReadOnlySpan<byte> read)
    {
        _all += read.Length;
        for (var rest = read; ;)
        {
            var at = rest.IndexOfAny((byte)'\n', (byte)'\r');
            _line += at < 0 ? rest.Length : at;
            if (_line > mostInLine || _all > most)
            {
                return Beyond(read.Length);
            }

            if (at < 0)
            {
                return read.Length;
            }

            _line = 0;
            rest = rest[(at + 1)..];
        }
    }

    private int Beyond(int read)
    {
        _ended = true;
        return isCut ? read : throw new EngineStreamException(_all > most ? $"its answer has more than {most} bytes (setting Bridge:MaxAnswerBytes)" : $"a line of its stream has more than {mostInLine} bytes (setting Bridge:MaxLineBytes)");
    }
}

/// <summary>What an engine sent is not what the API's description says, or has no end.</summary>
internal sealed class EngineStreamException(string problem, Exception? innerException = null) : Exception(problem, innerException);
