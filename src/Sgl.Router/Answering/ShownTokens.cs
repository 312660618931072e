namespace Sgl.Router;

/// <summary>
/// The tokens that a client has seen of one model's answer. Where the replica that made them is lost, another one makes the answer again: it must begin
/// with the same tokens, which are not shown twice.
/// </summary>
internal sealed class ShownTokens(string hop, string requestId)
{
    private readonly List<(int Id, string Text)> _tokens = [];

    public IEnumerable<int> Ids => _tokens.Select(t => t.Id);

    public bool Any => _tokens.Count > 0;

    /// <summary>Whether an answer comes out the same when it is made again, so that it can be taken up elsewhere.</summary>
    public static bool CanBeMadeAgain(Wire.Sampling? sampling) => sampling is null || sampling.Temperature == 0 || sampling.HasSeed;

    /// <summary>Takes note of a token.</summary>
    /// <param name="position">Tokens of this try before it.</param>
    /// <param name="token">The token.</param>
    /// <returns>Whether the client has still to see it.</returns>
    /// <exception cref="HopException">The client has seen another one in its place.</exception>
    public bool IsNew(int position, Wire.Token token)
    {
        if (position >= _tokens.Count)
        {
            _tokens.Add((token.Id, token.Text));
            return true;
        }

        return _tokens[position] == (token.Id, token.Text)
            ? false
            : throw HopErrors.Broken(hop, requestId, "the replica was lost in the middle of its answer, and another one answers differently");
    }
}
