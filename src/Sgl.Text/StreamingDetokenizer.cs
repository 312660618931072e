using System.Text;
using Sgl.Text.Internal;

namespace Sgl.Text;

/// <summary>
/// Turns ids into text one at a time. What comes out, joined, is exactly what <see cref="ITokenizer.Decode"/> gives for all
/// ids, control tokens left out; never half a character, and never the beginning of a stop string.
/// </summary>
/// <remarks>Not safe for use from several threads. The caller stops on stop ids before pushing them.</remarks>
public sealed class StreamingDetokenizer
{
    private readonly ITokenizer _tokenizer;
    private readonly string[] _stops;
    private readonly StringBuilder _text = new();
    private byte[] _bytes = new byte[64];
    private int _byteCount;
    private int _scanned;
    private bool _started;

    /// <summary>Creates a detokeniser for one answer.</summary>
    /// <param name="tokenizer">The tokenizer of the ids.</param>
    /// <param name="stopStrings">Texts that end the answer; neither they nor what follows comes out.</param>
    /// <exception cref="ArgumentException">A stop string is empty.</exception>
    public StreamingDetokenizer(ITokenizer tokenizer, IReadOnlyList<string>? stopStrings = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        _tokenizer = tokenizer;
        _stops = [.. stopStrings ?? []];
        if (_stops.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException("a stop string is empty", nameof(stopStrings));
        }
    }

    /// <summary>Whether a stop string was met; from then on no more text comes out.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds an id.</summary>
    /// <returns>The text that is certain now; may be empty.</returns>
    public string Push(int tokenId)
    {
        if (Stopped || _tokenizer.IsSpecial(tokenId))
        {
            return "";
        }

        var token = _tokenizer.TokenBytes(tokenId).Span;
        if (!_started)
        {
            _started = true;
            if (_tokenizer.DropsLeadingSpace(tokenId))
            {
                token = token[1..];
            }
        }

        if (_byteCount + token.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _byteCount + token.Length));
        }

        token.CopyTo(_bytes.AsSpan(_byteCount));
        _byteCount += token.Length;
        return Take(final: false);
    }

    /// <summary>Ends the answer.</summary>
    /// <returns>The text that was held back; a character that is still incomplete is U+FFFD, as in <see cref="ITokenizer.Decode"/>.</returns>
    public string Flush() => Stopped ? "" : Take(final: true);

    private string Take(bool final)
    {
        var used = Utf8Text.Append(_bytes.AsSpan(0, _byteCount), _tokenizer.ReplacesEachBrokenByte, final, _text);
        _bytes.AsSpan(used, _byteCount - used).CopyTo(_bytes);
        _byteCount -= used;
        if (_stops.Length == 0)
        {
            return TakeText(_text.Length);
        }

        // The stop string that is complete first counts, so that the result does not depend on how the text is cut into ids.
        var text = _text.ToString();
        for (var end = _scanned + 1; end <= text.Length; end++)
        {
            var start = -1;
            foreach (var stop in _stops)
            {
                if (text.AsSpan(0, end).EndsWith(stop, StringComparison.Ordinal))
                {
                    start = start < 0 ? end - stop.Length : Math.Min(start, end - stop.Length);
                }
            }

            if (start >= 0)
            {
                Stopped = true;
                return TakeText(start);
            }
        }

        var held = final ? 0 : HeldBack(text);
        var taken = TakeText(text.Length - held);
        _scanned = held;
        return taken;
    }

    private string TakeText(int length)
    {
        if (length == 0)
        {
            return "";
        }

        var taken = _text.ToString(0, length);
        _text.Remove(0, length);
        return taken;
    }

    /// <summary>Length of the longest end of the text with which a stop string begins.</summary>
    private int HeldBack(string text)
    {
        var held = 0;
        foreach (var stop in _stops)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > held; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                {
                    held = length;
                    break;
                }
            }
        }

        return held;
    }
}
