using Grpc.Core;
using Sgl.TestKit.Serving;
using Wire = Sgl.V1;

namespace Sgl.LargeService;

[Collection(nameof(LargeServer))]
public sealed class DraftTests(LargeServer server)
{
    private static Wire.LargeInput Question => Ask("What is the code in the orange box?", Samples.Image("codes.png"));

    [Fact]
    public async Task Generate_ItsOwnAnswerAsDraft_TheSameEventsWithoutDecodeSteps()
    {
        var plain = await server.AnswerAsync(Question, Unpruned());
        var guidance = Drafted([.. plain.Tokens.Select(t => t.Id)]);
        guidance.Draft.TokenizerDigest = server.Service.Engine.Model.TokenizerDigest;

        var drafted = await server.AnswerAsync(Question, guidance);

        Assert.Equal(plain.Tokens.Select(t => (t.Index, t.Id, t.Text)), drafted.Tokens.Select(t => (t.Index, t.Id, t.Text)));
        Assert.Equal(plain.Completed!.Answer, drafted.Completed!.Answer);
        // The end token is chosen, not fed.
        Assert.Equal(plain.Tokens.Count - 1, drafted.Completed.Usage.DraftTokenCount);
        Assert.Equal(plain.Tokens.Count - 1, drafted.Completed.Usage.AcceptedDraftTokenCount);
        Assert.Null(drafted.Completed.Timings.Decode);
        Assert.Equal(0, plain.Completed.Usage.DraftTokenCount);
    }

    [Fact]
    public async Task Generate_ForeignDraft_NamesTheFieldAndGoesOnServing()
    {
        var foreign = Drafted([1]);
        foreign.Draft.TokenizerDigest = "another";
        Assert.Equal(["guidance.draft.tokenizer_digest"], await RefusedFieldsAsync(foreign));
        Assert.Equal(["guidance.draft.token_ids[1]"], await RefusedFieldsAsync(Drafted([1, -1])));
        Assert.NotNull((await server.AnswerAsync(Question, Drafted([1, 2, 3]))).Completed);
    }

    private static Wire.Guidance Drafted(params int[] ids)
    {
        var guidance = Unpruned();
        guidance.Draft = new Wire.Draft();
        guidance.Draft.TokenIds.AddRange(ids);
        return guidance;
    }

    private async Task<IEnumerable<string>> RefusedFieldsAsync(Wire.Guidance guidance)
    {
        var error = await Assert.ThrowsAsync<RpcException>(() => server.AnswerAsync(Question, guidance));
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        return error.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>().FieldViolations.Select(v => v.Field);
    }
}
