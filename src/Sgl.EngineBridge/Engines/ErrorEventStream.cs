using System.Buffers;

namespace Sgl.EngineBridge;

/// <summary>
/// The stream of an answer, in which an engine may tell an error after it said 200: as an event, or as a body that is no stream. It is thrown once what came before it was handed on. Looked for here
/// and not in the client library's events, which have no place for it, and cannot be made from some (<c>finish_reason: error</c>).
/// </summary>
/// <param name="inner">Where the bytes come from.</param>
/// <param name="mostInLine">Most bytes of a line that is looked at.</param>
internal sealed class ErrorEventStream(Stream inner, int mostInLine) : WatchedStream(inner)
{
    private readonly ArrayBufferWriter<byte> _line = new();
    private bool _isTooLong;
    private EngineErrorEventException? _error;

    protected override bool IsOver() => _error is null ? false : throw _error;

    protected override int Take(ReadOnlySpan<byte> read)
    {
        if (read.IsEmpty)
        {
            return EndsWithError() ? throw _error! : 0;
        }

        for (var rest = read; ;)
        {
            var at = rest.IndexOfAny((byte)'\n', (byte)'\r');
            Collect(at < 0 ? rest : rest[..at]);
            if (at < 0)
            {
                return read.Length;
            }

            var before = read.Length - rest.Length;
            if (EndsWithError())
            {
                return before > 0 ? before : throw _error!;
            }

            rest = rest[(at + 1)..];
        }
    }

    private void Collect(ReadOnlySpan<byte> part)
    {
        _isTooLong |= _line.WrittenCount + part.Length > mostInLine;
        if (!_isTooLong)
        {
            _line.Write(part);
        }
    }

    private bool EndsWithError()
    {
        _error = _isTooLong ? null : ErrorEvents.Of(_line.WrittenSpan);
        _isTooLong = false;
        _line.ResetWrittenCount();
        return _error is not null;
    }
}
